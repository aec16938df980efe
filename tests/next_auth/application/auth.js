// All that an application with next-auth 5 needs to read Gatepost's session: no provider, and no route handler of its own.
// The names of AUTH_URL and AUTH_SECRET are next-auth's.

import NextAuth from "next-auth-5";

export const { auth } = NextAuth({
  providers: [],
  session: { strategy: "jwt" },
  callbacks: {
    authorized: ({ auth: session }) => session !== null,
    session({ session, token }) {
      return { ...session, user: { ...session.user, id: token.id, accessToken: token.accessToken } };
    },
  },
});
