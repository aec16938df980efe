// Guards the pages below: whoever has no session is sent to the sign-in page, and back afterwards. Needs NEXTAUTH_SECRET.
// Before Next.js 16 this file is called middleware.ts and may be: export { default } from "next-auth/middleware".

import withAuth from "next-auth/middleware";

export default withAuth;

export const config = { matcher: ["/userposts/:path*"] };
