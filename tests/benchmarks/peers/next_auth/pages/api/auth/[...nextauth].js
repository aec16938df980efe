// A peer: next-auth in Next.js, as its guide has it, with the callbacks of an application whose session carries a token.
// Nobody signs in here: it opens the session cookies that Gatepost sealed, for both have one NEXTAUTH_SECRET.

import NextAuth from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";

export default NextAuth({
  providers: [CredentialsProvider({ credentials: { username: {}, password: {} }, authorize: () => null })],
  callbacks: {
    jwt({ token, user }) {
      return user ? { ...token, ...user } : token;
    },
    session({ session, token }) {
      return { ...session, user: token };
    },
  },
});
