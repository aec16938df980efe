// NextAuth itself, as an application of Next.js has it in pages/api/auth/[...nextauth].js: the published NextAuth behind
// Next's own reading of an API request. It signs in by asking Gatepost's API, and its session carries the token.
// Any question is answered with its port.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { signInByGatepost } from "./authorize.mjs";
import { answerLines } from "./lines.mjs";

const require = createRequire(import.meta.url);
const { default: NextAuth } = require("next-auth");
const { default: CredentialsProvider } = require("next-auth/providers/credentials");
const { apiResolver } = require("next/dist/server/api-utils/node/api-resolver");

const handler = NextAuth({
  providers: [CredentialsProvider({ credentials: { username: {}, password: { type: "password" } }, authorize: signInByGatepost })],
  callbacks: {
    jwt({ token, user, trigger, session }) {
      if (user) return { ...token, ...user };
      return trigger === "update" && session?.name ? { ...token, name: session.name } : token;
    },
    session({ session, token }) {
      return { ...session, user: token };
    },
  },
  logger: { error() {}, warn() {}, debug() {} },
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const nextauth = pathname.split("/").slice(3);
  if (!nextauth.length) return response.writeHead(404).end(); // the file is no catch-all for its own folder
  const query = { ...Object.fromEntries(searchParams), nextauth };
  return apiResolver(request, response, query, { default: handler }, {}, false);
});
server.listen(0, "127.0.0.1");

await answerLines(() => server.address().port);
process.exit();
