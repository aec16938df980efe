// An external service, plain: 200 for a token that it takes, 401 for one of an ended session and any other.
// `node service.mjs PORT`, with ISSUER, SECRET_KEY, GATEPOST and CREDENTIAL in its environment.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { EndedSessions } from "../../docs/verify-elsewhere/sign-out/follower.mjs";

const { ISSUER, SECRET_KEY, GATEPOST, CREDENTIAL } = process.env;
const ended = new EndedSessions(GATEPOST, CREDENTIAL);

function readClaims(token) {
  const [head, body, signature = ""] = token.split(".");
  const expected = createHmac("sha256", SECRET_KEY).update(`${head}.${body}`).digest();
  const sent = Buffer.from(signature, "base64url");
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) return null;
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  return claims.iss === ISSUER && claims.exp * 1000 > Date.now() ? claims : null;
}

await ended.start();
createServer((request, response) => {
  const claims = readClaims((request.headers.authorization ?? "").replace("Bearer ", ""));
  response.writeHead(claims && !ended.refuses(claims) ? 200 : 401, { "Content-Length": 0 }).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
