// A page of a React application: who is signed in, and the means to change that. The query sets how it behaves:
// ?required sends anonymous people to sign in, ?refetch=1 asks for the session again every second, ?elsewhere=google has a
// button to sign in there.

import { createRoot } from "react-dom/client";
import { SessionProvider, signIn, signOut, useSession } from "next-auth/react";

const query = new URLSearchParams(location.search);

function Account() {
  const { data: session, status, update } = useSession({ required: query.has("required") });
  return (
    <main>
      <p role="status">{status}</p>
      {session ? <SignedIn user={session.user} update={update} /> : <SignInForm />}
    </main>
  );
}

function SignedIn({ user, update }) {
  return (
    <>
      <h1>{user.name}</h1>
      <code>{user.accessToken}</code>
      <button onClick={() => update({ name: "Countess Lovelace" })}>Rename</button>
      <button onClick={() => signOut()}>Sign out</button>
    </>
  );
}

function SignInForm() {
  function send(event) {
    event.preventDefault();
    signIn("credentials", { ...Object.fromEntries(new FormData(event.target)), redirect: false });
  }
  return (
    <form onSubmit={send}>
      <input name="username" aria-label="E-mail" />
      <input name="password" aria-label="Password" type="password" />
      <button>Sign in</button>
      {query.has("elsewhere") && (
        <button type="button" onClick={() => signIn(query.get("elsewhere"))}>
          Elsewhere
        </button>
      )}
    </form>
  );
}

createRoot(document.getElementById("root")).render(
  <SessionProvider refetchInterval={Number(query.get("refetch") ?? 0)}>
    <Account />
  </SessionProvider>,
);
