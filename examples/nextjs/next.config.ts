import type { NextConfig } from "next";
import { gateway } from "./gateway";

const nextConfig: NextConfig = {
  // app/signin is the sign-in page, wherever Gatepost or next-auth lead to one. Where a proof is asked for anew, for
  // pages that want a recent sign-in, it stays Gatepost's.
  redirects: async () => [
    {
      source: "/api/auth/signin",
      missing: [{ type: "query", key: "prompt" }],
      destination: "/signin",
      permanent: false,
    },
  ],
  // All that this application has no page for is Gatepost's, under this application's own origin: the API, signing up,
  // the account, posts, documentation, and the stylesheet of these pages.
  rewrites: async () => ({ fallback: [{ source: "/:path*", destination: `${gateway}/:path*` }] }),
};

export default nextConfig;
