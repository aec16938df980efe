// NextAuth 5 itself with providers of others and links by mail, as an application of Next.js has it.
// Any question is answered with its port and the last link that it sent.

import "./next_paths.mjs";
import { serve } from "./handlers_5.mjs";
import { answerLines } from "./lines.mjs";
import { elsewhere, email, letters, makeAdapter } from "./memory.mjs";

const { default: NextAuth } = await import("next-auth-5");
const { default: Credentials } = await import("next-auth-5/providers/credentials");

const { handlers } = NextAuth({
  adapter: makeAdapter(),
  providers: [
    Credentials({ credentials: {}, authorize: () => null }),
    email,
    ...elsewhere.map((provider) => ({ ...provider, type: "oidc", idToken: false })),
  ],
  session: { strategy: "jwt" },
  callbacks: { session: ({ session, token }) => ({ ...session, user: token }) },
  logger: { error() {}, warn() {}, debug() {} },
});

const server = serve(handlers);

await answerLines(() => ({ port: server.address().port, letter: letters.at(-1) }));
process.exit();
