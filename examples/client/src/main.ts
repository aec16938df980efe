// GATEPOST_URL=http://localhost:3000 EMAIL=ada@example.com PASSWORD=... npm start "A title"
import { listOwnPosts, Refused, signIn, writePost } from "./client.js";

const { GATEPOST_URL = "http://localhost:3000", EMAIL = "", PASSWORD = "" } = process.env;

try {
  const [api, userId] = await signIn(GATEPOST_URL, EMAIL, PASSWORD);
  const post = await writePost(api, { title: process.argv[2] ?? "Written by a typed client", published: true });
  for (const each of await listOwnPosts(api, userId)) {
    console.log(`${each.id === post.id ? "new" : "old"}: ${each.title}`);
  }
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(`${error.status}: ${error.message}`);
  process.exitCode = 1;
}
