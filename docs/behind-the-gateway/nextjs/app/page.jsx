import Link from "next/link";
import { findSession } from "../session";

export default async function Page() {
  const session = await findSession();
  return (
    <main>
      <h1>{session ? `Welcome, ${session.user.name}` : "Welcome"}</h1>
      <Link href="/members">Members</Link>
    </main>
  );
}
