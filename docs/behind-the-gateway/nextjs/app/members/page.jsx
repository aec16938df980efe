import { findSession } from "../../session";

async function greet() {
  "use server";
  const session = await findSession(); // an action is called by whoever likes: it asks again
  if (session) console.log(`Greetings from ${session.user.id}`);
}

export default async function Members() {
  const session = await findSession();
  return (
    <main>
      <h1>Members only</h1>
      <p>
        {session.user.name}, number {session.user.id}
      </p>
      <form action={greet}>
        <button>Greet</button>
      </form>
      {/* Gatepost's page, not one of this application's: no Link, which would add the prefix. */}
      <a href="/api/auth/signout">Sign out</a>
    </main>
  );
}
