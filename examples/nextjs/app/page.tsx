// A server component: auth() tells who is signed in while the page is made.

import { auth } from "../auth";

export default async function FirstPage() {
  const session = await auth();
  return (
    <main>
      <h1>Gatepost with Next.js</h1>
      <p role="status">{session ? `You are signed in as ${session.user.email}.` : "You are not signed in."}</p>
    </main>
  );
}
