// Answers each line, {"password": "...", "cost": 10}, with the hash that node's bcrypt makes of it.
import { createInterface } from "node:readline";
import bcrypt from "bcrypt";

for await (const line of createInterface({ input: process.stdin })) {
  const { password, cost } = JSON.parse(line);
  console.log(JSON.stringify(await bcrypt.hash(password, cost)));
}
