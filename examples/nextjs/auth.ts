// Who is signed in, for server components, route handlers and server actions. next-auth opens Gatepost's cookie by
// NEXTAUTH_SECRET and asks nobody, so a session that was ended may still be one here. Whatever must be right asks the
// gateway: askGateway() in gateway.ts.

import { getServerSession, type NextAuthOptions } from "next-auth";

const options: NextAuthOptions = {
  providers: [], // Gatepost has them
  session: { strategy: "jwt" },
  callbacks: {
    session: ({ session, token }) => ({
      ...session,
      user: { ...session.user, id: token.id, accessToken: token.accessToken },
    }),
  },
};

export const auth = () => getServerSession(options);
