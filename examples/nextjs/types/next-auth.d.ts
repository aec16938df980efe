// What Gatepost puts into a session's user beside NextAuth's own name and e-mail.

import type { DefaultSession } from "next-auth";

declare module "next-auth" {
  interface Session {
    user: { id: number; accessToken: string } & NonNullable<DefaultSession["user"]>;
  }
}

declare module "next-auth/jwt" {
  interface JWT {
    id: number;
    accessToken: string;
  }
}

declare module "next-auth/react" {
  interface SignInResponse {
    code?: string; // next-auth 5 has it
  }
}
