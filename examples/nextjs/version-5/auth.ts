// Who is signed in, for server components, route handlers and server actions. next-auth opens Gatepost's cookie by
// AUTH_SECRET and asks nobody, so a session that was ended may still be one here. Whatever must be right asks the
// gateway: askGateway() in gateway.ts.

import NextAuth from "next-auth";

export const { auth } = NextAuth({
  providers: [], // Gatepost has them
  session: { strategy: "jwt" },
  callbacks: {
    authorized: ({ auth: session }) => session !== null,
    session: ({ session, token }) => ({
      ...session,
      user: { ...session.user, id: token.id, accessToken: token.accessToken },
    }),
  },
});
