"use client";

// Who is signed in, and the means to change that, by next-auth/react.

import { signIn, signOut, useSession } from "next-auth-5/react";
import { useState } from "react";

export function Account() {
  const { data: session, status, update } = useSession();
  const [refused, setRefused] = useState();

  async function send(event) {
    event.preventDefault();
    const answer = await signIn("credentials", { ...Object.fromEntries(new FormData(event.target)), redirect: false });
    setRefused(answer.error && `${answer.error} ${answer.code}`);
  }

  return (
    <main>
      <p role="status">{status}</p>
      {session ? (
        <>
          <h1>{session.user.name}</h1>
          <code>{session.user.accessToken}</code>
          <button onClick={() => update({ name: "Countess Lovelace" })}>Rename</button>
          <button onClick={() => signOut()}>Sign out</button>
        </>
      ) : (
        <form onSubmit={send}>
          <input name="username" aria-label="E-mail" />
          <input name="password" aria-label="Password" type="password" />
          <button>Sign in</button>
          <p role="alert">{refused}</p>
        </form>
      )}
    </main>
  );
}
