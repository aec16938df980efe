import { revalidatePath } from "next/cache";
import { findSession } from "../../session";

const greetings = [];

async function greet() {
  "use server";
  const session = await findSession(); // whoever calls an action may not have come by the page: it asks again
  if (!session) throw new Error("nobody is signed in");
  greetings.push(`Greetings from ${session.user.name}`);
  revalidatePath("/members");
}

export default async function Members() {
  const session = await findSession();
  return (
    <main>
      <h1>Members only</h1>
      <p>
        {session.user.name}, number {session.user.id}
      </p>
      <ul>
        {greetings.map((greeting, index) => (
          <li key={index}>{greeting}</li>
        ))}
      </ul>
      <form action={greet}>
        <button>Greet</button>
      </form>
      {/* Gatepost's page, not one of this application's: no Link, which would add the prefix. */}
      <a href="/api/auth/signout">Sign out</a>
    </main>
  );
}
