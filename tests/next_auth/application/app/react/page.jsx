"use client";

import { SessionProvider } from "next-auth-5/react";
import { Account } from "../../account";

export default function ReactPage() {
  return (
    <SessionProvider>
      <Account />
    </SessionProvider>
  );
}
