"use server";

// In the place of next-auth's own server actions, which never reach a back end.

import { cookies } from "next/headers";
import { redirect } from "next/navigation";

export async function signIn(form) {
  redirect(await send("/callback/credentials", Object.fromEntries(form)));
}

export async function signOut(form) {
  redirect(await send("/signout", Object.fromEntries(form)));
}

// Returns where to go then: the form's callbackUrl, or the page that says what failed.
async function send(path, fields) {
  const { csrfToken } = await ask("/csrf");
  const { url } = await ask(path, { method: "POST", body: new URLSearchParams({ ...fields, csrfToken }) });
  return url;
}

async function ask(path, request) {
  const jar = await cookies();
  const sent = jar.getAll().map(({ name, value }) => `${name}=${encodeURIComponent(value)}`);
  const headers = { cookie: sent.join("; "), "x-auth-return-redirect": "1" };
  const answer = await fetch(`${process.env.GATEWAY_URL}/api/auth${path}`, { ...request, headers, cache: "no-store" });
  for (const [, name, value, attributes] of answer.headers.getSetCookie().map((line) => /^(.*?)=(.*?);(.*)$/.exec(line))) {
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
