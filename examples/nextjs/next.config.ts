import type { NextConfig } from "next";

const gateway = process.env.GATEWAY_URL ?? "http://localhost:3000";

// What Gatepost answers, it answers under this application's own origin: its API, its sign-in pages, their stylesheet.
const nextConfig: NextConfig = {
  rewrites: async () =>
    ["/api/:path*", "/signup/:path*", "/forgot/:path*", "/assets/:path*"].map((source) => ({ source, destination: gateway + source })),
};

export default nextConfig;
