// Signs in, and then calls the API with the access token. Every path, body and answer has its type from `api.ts`.
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./api.js";

export type Api = Client<paths>;
export type Post = components["schemas"]["PostView"];
export type NewPost = components["schemas"]["PostDraft"];

// What Gatepost refused: `status` is for programs, the message is its own sentence for people.
export class Refused extends Error {
  constructor(
    readonly status: number,
    answer: components["schemas"]["ErrorView"] | undefined,
  ) {
    super(answer?.error ?? `status ${status}`);
  }
}

export async function signIn(baseUrl: string, email: string, password: string): Promise<[Api, userId: number]> {
  const api = createClient<paths>({ baseUrl });
  const { data, error, response } = await api.POST("/api/login", { body: { username: email, password } });
  if (!data) throw new Refused(response.status, error);
  api.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${data.accessToken}`);
      return request;
    },
  });
  return [api, data.id];
}

// With `key`, a post whose answer was lost is sent again without being there twice.
export async function writePost(api: Api, post: NewPost, key: string = crypto.randomUUID()): Promise<Post> {
  const params = { header: { "Idempotency-Key": key } };
  const { data, error, response } = await api.POST("/api/posts", { body: post, params });
  if (!data) throw new Refused(response.status, error);
  return data;
}

export async function listOwnPosts(api: Api, userId: number): Promise<Post[]> {
  const { data, error, response } = await api.GET("/api/user/{id}", { params: { path: { id: userId } } });
  if (!data) throw new Refused(response.status, error);
  return data;
}
