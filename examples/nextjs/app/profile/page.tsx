// A page for those who are signed in that asks the gateway while it is made: what it shows is so now, and whose session
// was ended elsewhere is sent to the sign-in page, which the cookie alone would not tell.

import { redirect } from "next/navigation";
import { askGateway } from "../../gateway";
import { signOut } from "../signin/actions";
import { Rename, SignOutEverywhere } from "./forms";

type Account = { name: string; email: string };
type Device = { id: string; userAgent: string; current: boolean };

export default async function Profile() {
  const { name, email } = await read<Account>("/api/me");
  const devices = await read<Device[]>("/api/me/sessions");
  return (
    <main>
      <h1>{name}</h1>
      <p>{email}</p>
      <Rename name={name} />
      <h2>Where you are signed in</h2>
      <ul>
        {devices.map(({ id, userAgent, current }) => (
          <li key={id}>{current ? "Here" : userAgent}</li>
        ))}
      </ul>
      <form action={signOut}>
        <input type="hidden" name="callbackUrl" value="/" />
        <button>Sign out here</button>
      </form>
      <SignOutEverywhere />
      <p>
        <a href="/account">Change your password, or delete your account</a>
      </p>
    </main>
  );
}

async function read<Answer>(path: string): Promise<Answer> {
  const answer = await askGateway(path);
  if (answer.status === 401) redirect("/signin?callbackUrl=/profile");
  if (!answer.ok) throw new Error(`${path}: status ${answer.status}`);
  return answer.json();
}
