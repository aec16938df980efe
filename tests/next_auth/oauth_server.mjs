// NextAuth itself with providers of others and links by mail, as an application of Next.js has it: the published NextAuth
// behind Next's own reading of an API request. Any question is answered with its port and the last link that it sent.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { answerLines } from "./lines.mjs";
import { elsewhere, email, letters, makeAdapter } from "./memory.mjs";

const require = createRequire(import.meta.url);
const { default: NextAuth } = require("next-auth");
const { default: CredentialsProvider } = require("next-auth/providers/credentials");
const { apiResolver } = require("next/dist/server/api-utils/node/api-resolver");

const userinfo = { request: ({ client, tokens }) => client.userinfo(tokens.access_token) };
const handler = NextAuth({
  adapter: makeAdapter(),
  providers: [
    CredentialsProvider({ credentials: {}, authorize: () => null }),
    email,
    ...elsewhere.map((provider) => ({ ...provider, type: "oauth", idToken: true, userinfo })),
  ],
  session: { strategy: "jwt" },
  callbacks: { session: ({ session, token }) => ({ ...session, user: token }) },
  logger: { error() {}, warn() {}, debug() {} },
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const nextauth = pathname.split("/").slice(3);
  const query = { ...Object.fromEntries(searchParams), nextauth };
  return apiResolver(request, response, query, { default: handler }, {}, false);
});
server.listen(0, "127.0.0.1");

await answerLines(() => ({ port: server.address().port, letter: letters.at(-1) }));
process.exit();
