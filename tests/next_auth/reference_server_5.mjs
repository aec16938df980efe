// NextAuth 5 itself, as an application of Next.js has it in app/api/auth/[...nextauth]/route.js: the published handlers,
// on Next's own request. It signs in by asking Gatepost's API, and its session carries the token.
// Any question is answered with its port.

import "./next_paths.mjs";
import { signInByGatepost } from "./authorize.mjs";
import { serve } from "./handlers_5.mjs";
import { answerLines } from "./lines.mjs";

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

const server = serve(handlers);

await answerLines(() => server.address().port);
process.exit();
