// The address of the gateway is read when the application is built.
export default {
  rewrites: async () =>
    ["/api/:path*", "/assets/:path*"].map((source) => ({ source, destination: process.env.GATEWAY_URL + source })),
  turbopack: { root: new URL("..", import.meta.url).pathname },
};
