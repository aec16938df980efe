"use server";

// Server actions that sign in and out by way of the gateway, for browsers that run no script, or not yet. They do what
// next-auth/react does there, and pass on the cookies of the answers.

import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { gateway } from "../../gateway";

export async function signIn(form: FormData) {
  const { href, searchParams } = new URL(await send("/callback/credentials", form));
  if (!searchParams.has("error")) redirect(href);
  searchParams.set("callbackUrl", String(form.get("callbackUrl")));
  redirect(`/signin?${searchParams}`);
}

export async function signOut(form: FormData) {
  redirect(await send("/signout", form));
}

// Returns where to go then: to the form's callbackUrl, or to the page that says what failed.
async function send(path: string, form: FormData): Promise<string> {
  const fields = new URLSearchParams({ json: "true" }); // in version 4; in 5 the header below
  for (const [name, value] of form) if (typeof value === "string" && !name.startsWith("$")) fields.set(name, value);
  fields.set("csrfToken", (await ask("/csrf")).csrfToken);
  return (await ask(path, { method: "POST", body: fields })).url;
}

async function ask(path: string, request?: RequestInit): Promise<Record<string, string>> {
  const jar = await cookies();
  const sent = jar.getAll().map(({ name, value }) => `${name}=${encodeURIComponent(value)}`);
  const headers = { cookie: sent.join("; "), "x-auth-return-redirect": "1" };
  const answer = await fetch(`${gateway}/api/auth${path}`, { ...request, headers, cache: "no-store" });
  for (const line of answer.headers.getSetCookie()) {
    const [, name = "", value = "", attributes = ""] = /^(.*?)=(.*?);(.*)$/.exec(line) ?? [];
    const expires = value ? /expires=([^;]*)/i.exec(attributes)?.[1] : 0;
    jar.set(name, decodeURIComponent(value), {
      path: "/",
      httpOnly: true,
      sameSite: "lax",
      secure: /secure/i.test(attributes),
      ...(expires !== undefined && { expires: new Date(expires) }),
    });
  }
  return answer.json();
}
