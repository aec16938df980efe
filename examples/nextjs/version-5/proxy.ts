// Guards the pages below: whoever has no session is sent to the sign-in page, and back afterwards. Needs AUTH_SECRET.
// Before Next.js 16 this file is called middleware.ts and is: export { auth as middleware } from "./auth".

export { auth as proxy } from "./auth";

export const config = { matcher: ["/userposts/:path*"] };
