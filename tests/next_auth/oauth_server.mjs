// NextAuth itself with providers of others, as an application of Next.js has it: the published NextAuth behind Next's own
// reading of an API request. PROVIDERS is JSON: {id, name, wellKnown, clientId, clientSecret} of each.
// Any question is answered with its port.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { answerLines } from "./lines.mjs";

const require = createRequire(import.meta.url);
const { default: NextAuth } = require("next-auth");
const { apiResolver } = require("next/dist/server/api-utils/node/api-resolver");

const providers = JSON.parse(process.env.PROVIDERS).map((about) => ({
  ...about,
  type: "oauth",
  authorization: { params: { scope: "openid email profile" } },
  idToken: true,
  checks: ["pkce", "state", "nonce"],
  profile: ({ sub, name, email }) => ({ id: sub, name, email }),
}));

const handler = NextAuth({
  providers,
  session: { strategy: "jwt" },
  callbacks: { session: ({ session, token }) => ({ ...session, user: token }) },
  logger: { error: console.error, warn() {}, debug() {} },
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const nextauth = pathname.split("/").slice(3);
  const query = { ...Object.fromEntries(searchParams), nextauth };
  return apiResolver(request, response, query, { default: handler }, {}, false);
});
server.listen(0, "127.0.0.1");

await answerLines(() => server.address().port);
process.exit();
