// What a Next.js server does with a session cookie: the published next-auth/jwt and next-auth/middleware, on Next's own
// request. Reads {"encode": claims}, {"getToken": cookies} or {"middleware": path, "cookie": cookies}, one a
// line; cookies as in the header.

import { createRequire } from "node:module";
import { answerLines } from "./lines.mjs";

const require = createRequire(import.meta.url);
const { encode, getToken } = require("next-auth/jwt");
const { default: middleware } = require("next-auth/middleware");
const { NextRequest } = require("next/server");

const secret = process.env.NEXTAUTH_SECRET;

function request(path, cookie) {
  return new NextRequest(new URL(path, process.env.NEXTAUTH_URL), { headers: cookie ? { cookie } : {} });
}

async function guard(path, cookie) {
  const answer = await middleware(request(path, cookie));
  return answer ? { status: answer.status, location: answer.headers.get("location") } : "passed";
}

await answerLines(async (question) => {
  if ("encode" in question) return encode({ token: question.encode, secret });
  if ("getToken" in question) return getToken({ req: request("/", question.getToken) });
  return guard(question.middleware, question.cookie);
});
