// The handlers of NextAuth 5 behind an HTTP server, on Next's own request.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { NextRequest } = createRequire(import.meta.url)("next/server");

export function serve(handlers) {
  const server = createServer(async (request, response) => {
    const { method, headers } = request;
    const body = ["GET", "HEAD"].includes(method) ? undefined : await text(request);
    const handle = handlers[method] ?? handlers.POST;
    const answered = await handle(new NextRequest(new URL(request.url, process.env.AUTH_URL), { method, headers, body }));
    response.writeHead(answered.status, { ...Object.fromEntries(answered.headers), "set-cookie": answered.headers.getSetCookie() });
    response.end(Buffer.from(await answered.arrayBuffer()));
  });
  return server.listen(0, "127.0.0.1");
}
