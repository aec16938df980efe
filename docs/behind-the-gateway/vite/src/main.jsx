import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import "./style.css";

// NextAuth's session is null-like ({}) for nobody, and names the user for whoever has signed in.
function Site() {
  const [session, setSession] = useState();
  useEffect(() => {
    fetch("/api/auth/session")
      .then((answer) => answer.json())
      .then(setSession);
  }, []);

  if (!session) return <p>…</p>;
  const here = encodeURIComponent(location.href);
  return (
    <main>
      <h1>{location.pathname}</h1>
      {session.user ? <p>Hello, {session.user.name}</p> : <a href={`/api/auth/signin?callbackUrl=${here}`}>Sign in</a>}
    </main>
  );
}

createRoot(document.getElementById("root")).render(<Site />);
