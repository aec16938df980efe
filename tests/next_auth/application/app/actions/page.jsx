// A page without a script of its own: forms, server actions and a server component.

import { signIn, signOut } from "../../actions";
import { auth } from "../../auth";

export default async function ActionsPage() {
  const session = await auth();
  if (session) {
    return (
      <form action={signOut}>
        <p role="status">{session.user.email}</p>
        <input type="hidden" name="callbackUrl" value="/actions" />
        <button>Sign out</button>
      </form>
    );
  }
  return (
    <form action={signIn}>
      <p role="status">nobody</p>
      <input type="hidden" name="callbackUrl" value="/actions" />
      <input name="username" aria-label="E-mail" />
      <input name="password" aria-label="Password" type="password" />
      <button>Sign in</button>
    </form>
  );
}
