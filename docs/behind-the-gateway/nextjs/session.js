// Who it is, as a Next.js server behind the gateway knows it: by NextAuth's session cookie, which Gatepost issued.
// No provider and no route handler are needed. NEXTAUTH_URL and NEXTAUTH_SECRET are Gatepost's.

import { getServerSession } from "next-auth";

const options = {
  providers: [],
  session: { strategy: "jwt" },
  callbacks: {
    session: ({ session, token }) => ({ ...session, user: { ...session.user, id: token.id } }),
  },
};

export const findSession = () => getServerSession(options);
