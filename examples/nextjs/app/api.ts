// Calls the API from a page. The origin is the same, so the browser sends the session cookie, and the gateway renews what
// has run out. A 401 means that the session has ended.

import { signIn } from "next-auth/react";

export async function callApi<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(path, {
    method,
    ...(body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (answer.status === 401) await signIn();
  const said = await answer.json().catch(() => undefined); // 204 has nothing to say
  if (!answer.ok) throw new Error(said?.error ?? `status ${answer.status}`);
  return said;
}
