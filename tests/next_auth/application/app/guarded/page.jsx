// A page behind proxy.js.

import { auth } from "../../auth";

export default async function GuardedPage() {
  return <h1>{(await auth())?.user.name}</h1>;
}
