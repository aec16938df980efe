"use client";

// The head of every page, which knows by useSession() who is signed in. Pages of Gatepost's own are plain links.

import Link from "next/link";
import { signIn, signOut, useSession } from "next-auth/react";

export function Header() {
  const { data: session, status } = useSession();
  return (
    <header>
      <nav aria-label="Pages">
        <Link href="/">Home</Link>
        <Link href="/userposts" prefetch={false}>
          My posts
        </Link>
        <Link href="/profile" prefetch={false}>
          Profile
        </Link>
        <a href="/docs">API</a>
      </nav>
      {status === "authenticated" && (
        <p>
          {session.user.name} <button onClick={() => signOut({ callbackUrl: "/" })}>Sign out</button>
        </p>
      )}
      {status === "unauthenticated" && (
        <p>
          <a href="/signup">Sign up</a> <button onClick={() => signIn()}>Sign in</button>
        </p>
      )}
    </header>
  );
}
