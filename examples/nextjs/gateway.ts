// Asks the gateway from a server component or a route handler, as the browser whose request is being answered. Its
// cookies go along, so the gateway decides: it answers 401 once the session has ended, and renews an access token that
// has run out, as the one of auth() may have.

import { headers } from "next/headers";

export const gateway = process.env.GATEWAY_URL ?? "http://localhost:3000";

export async function askGateway(path: string): Promise<Response> {
  const cookie = (await headers()).get("cookie") ?? "";
  return fetch(gateway + path, { headers: { cookie }, cache: "no-store" });
}
