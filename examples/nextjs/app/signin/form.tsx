"use client";

import { getProviders, signIn } from "next-auth/react";
import { type FormEvent, useEffect, useState } from "react";
import { signIn as signInOnServer } from "./actions";
import { explain } from "./errors";

type Provider = { id: string; name: string; type: string };

// next-auth 5 tells OpenID Connect ("oidc") from OAuth without it; next-auth 4 calls both "oauth".
const WITH_BUTTON = ["oauth", "oidc"];

export function SignInForm({ callbackUrl, error, code }: { callbackUrl: string; error?: string; code?: string }) {
  const [problem, setProblem] = useState(explain(error, code));
  const [providers, setProviders] = useState<Provider[]>([]);

  useEffect(() => {
    getProviders().then((found) =>
      setProviders(Object.values(found ?? {}).filter(({ type }) => WITH_BUTTON.includes(type))),
    );
  }, []);

  async function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const { username, password } = Object.fromEntries(new FormData(event.currentTarget));
    const answer = await signIn("credentials", { username, password, callbackUrl, redirect: false });
    // Go to the URL of the answer and never to callbackUrl, which may be any site's: Gatepost only gives one of ours.
    if (answer?.url) window.location.assign(answer.url);
    else setProblem(explain(answer?.error ?? "Unavailable", answer?.code));
  }

  return (
    <>
      {problem && <p role="alert">{problem}</p>}
      <form action={signInOnServer} onSubmit={send}>
        <input type="hidden" name="callbackUrl" value={callbackUrl} />
        <label>
          E-mail
          <input name="username" type="email" autoComplete="username" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button>Sign in</button>
      </form>
      {providers.map(({ id, name }) => (
        <button key={id} onClick={() => signIn(id, { callbackUrl })}>
          Sign in with {name}
        </button>
      ))}
    </>
  );
}
