// The sign-in page. Its address says where to go afterwards and, when something failed, what.

import { SignInForm } from "./form";

type Query = { callbackUrl?: string | string[]; error?: string | string[]; code?: string | string[] };

export default async function SignInPage({ searchParams }: { searchParams: Promise<Query> }) {
  const { callbackUrl, error, code } = await searchParams;
  return (
    <main>
      <h1>Sign in</h1>
      <SignInForm callbackUrl={first(callbackUrl) ?? "/"} error={first(error)} code={first(code)} />
      <p>
        <a href="/signup">Create an account</a>
      </p>
    </main>
  );
}

function first(value?: string | string[]): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
