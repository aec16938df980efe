// One answer for each question: JSON, a line each, from stdin to stdout. What goes wrong is answered as {"fault": "..."}.

import { createInterface } from "node:readline";

// Libraries may print; stdout is for answers alone.
console.log = console.info = console.debug = console.warn = console.error;

export async function answerLines(answer) {
  for await (const line of createInterface({ input: process.stdin })) {
    let said;
    try {
      said = (await answer(JSON.parse(line))) ?? null;
    } catch (error) {
      said = { fault: String(error?.stack ?? error) };
    }
    process.stdout.write(JSON.stringify(said) + "\n");
  }
}
