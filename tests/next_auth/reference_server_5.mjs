// NextAuth 5 itself, as an application of Next.js has it in app/api/auth/[...nextauth]/route.js: the published handlers,
// on Next's own request. It signs in by asking Gatepost's API, and its session carries the token.
// Any question is answered with its port.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import "./next_paths.mjs";
import { signInByGatepost } from "./authorize.mjs";
import { answerLines } from "./lines.mjs";

const { NextRequest } = createRequire(import.meta.url)("next/server");
const { default: NextAuth } = await import("next-auth-5");
const { default: Credentials } = await import("next-auth-5/providers/credentials");

const { handlers } = NextAuth({
  providers: [Credentials({ credentials: { username: {}, password: { type: "password" } }, authorize: signInByGatepost })],
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

async function answer(request, response) {
  const { method, headers } = request;
  const body = ["GET", "HEAD"].includes(method) ? undefined : await text(request);
  const handle = handlers[method] ?? handlers.POST;
  const answered = await handle(new NextRequest(new URL(request.url, process.env.AUTH_URL), { method, headers, body }));
  response.writeHead(answered.status, { ...Object.fromEntries(answered.headers), "set-cookie": answered.headers.getSetCookie() });
  response.end(Buffer.from(await answered.arrayBuffer()));
}

const server = createServer(answer);
server.listen(0, "127.0.0.1");

await answerLines(() => server.address().port);
process.exit();
