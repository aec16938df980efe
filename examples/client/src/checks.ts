// What the compiler must refuse: `tsc` fails here once a line that is marked compiles.
import type { NewPost, Post } from "./client.js";
import { type Api, writePost } from "./client.js";

export async function makeMistakes(api: Api, post: Post): Promise<void> {
  // @ts-expect-error a post has no colour
  await writePost(api, { title: "A title", colour: "red" } satisfies NewPost);
  // @ts-expect-error the id of a post is a number
  const id: string = post.id;
  // @ts-expect-error an author may be unknown
  const name: string = post.author.name;
  // @ts-expect-error nothing is there
  await api.GET("/api/nothing");
  console.log(id, name);
}
