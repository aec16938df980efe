// What a Next.js server does with a session cookie of version 5: the published next-auth/jwt.
// Reads {"encode": claims} or {"getToken": cookies}, one a line; cookies as in the header.

import { encode, getToken } from "next-auth-5/jwt";
import { answerLines } from "./lines.mjs";

const secret = process.env.AUTH_SECRET;
const secureCookie = process.env.AUTH_URL.startsWith("https:");
const salt = `${secureCookie ? "__Secure-" : ""}authjs.session-token`;

await answerLines(({ encode: claims, getToken: cookie }) =>
  claims ? encode({ token: claims, secret, salt }) : getToken({ req: { headers: { cookie } }, secret, secureCookie }),
);
