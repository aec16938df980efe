// Sends whoever has no session to the sign-in page. Before Next.js 16 this is middleware.js, and exports auth by that name.

export { auth as proxy } from "./auth";

export const config = { matcher: ["/guarded"] };
