"use client";

import { useRouter } from "next/navigation";
import { signOut, useSession } from "next-auth/react";
import type { FormEvent } from "react";
import { callApi } from "../api";

export function Rename({ name }: { name: string }) {
  const { update } = useSession();
  const router = useRouter();

  async function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    await update({ name: new FormData(event.currentTarget).get("name") }); // every tab is told
    router.refresh(); // makes the server's part of the page anew
  }

  return (
    <form onSubmit={send}>
      <label>
        Name
        <input name="name" defaultValue={name} autoComplete="name" required maxLength={100} />
      </label>
      <button>Change name</button>
    </form>
  );
}

export function SignOutEverywhere() {
  async function signOutEverywhere() {
    await callApi("DELETE", "/api/me/sessions"); // ends all but this one
    await signOut({ callbackUrl: "/" });
  }

  return <button onClick={signOutEverywhere}>Sign out everywhere</button>;
}
