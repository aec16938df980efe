// A process of an external service: answers whether it would refuse a token, by follower.mjs as documented.
// It writes one line of JSON for each that it reads, and one when it has started.
import { createInterface } from "node:readline";
import { EndedSessions } from "../../docs/verify-elsewhere/sign-out/follower.mjs";

const { GATEPOST, CREDENTIAL, WHEN_CUT: whenCut, PATIENCE } = process.env;
const ended = new EndedSessions(GATEPOST, CREDENTIAL, { whenCut, patience: Number(PATIENCE) });
await ended.start();
console.log('"started"');
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(ended.refuses(JSON.parse(line))));
}
process.exit();
