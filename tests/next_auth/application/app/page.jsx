// A server component.

import { auth } from "../auth";

export default async function FirstPage() {
  const session = await auth();
  return <p role="status">{session?.user.email ?? "nobody"}</p>;
}
