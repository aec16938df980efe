"use client";

// A page for those who are signed in: proxy.ts guards it, useSession() knows who they are, and the API has their posts.

import { useSession } from "next-auth/react";
import { type FormEvent, useEffect, useState } from "react";
import { callApi } from "../api";

type Post = { id: number; title: string };

export default function UserPosts() {
  const { data: session } = useSession({ required: true });
  const [posts, setPosts] = useState<Post[]>();
  const [fault, setFault] = useState<Error>();
  const user = session?.user;

  useEffect(() => {
    if (user) callApi<Post[]>("GET", `/api/user/${user.id}`).then(setPosts, setFault);
  }, [user?.id]);

  async function write(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    try {
      const post = await callApi<Post>("POST", "/api/posts", { title: new FormData(form).get("title") });
      setPosts((posts) => [post, ...(posts ?? [])]);
      setFault(undefined);
      form.reset();
    } catch (refusal) {
      setFault(refusal as Error);
    }
  }

  if (!user) return <main>…</main>;
  return (
    <main>
      <h1>Posts of {user.name}</h1>
      {fault && <p role="alert">That did not work: {fault.message}</p>}
      <form onSubmit={write}>
        <label>
          Title
          <input name="title" required maxLength={200} />
        </label>
        <button>Save a draft</button>
      </form>
      <ul>
        {posts?.map(({ id, title }) => (
          <li key={id}>
            <a href={`/posts/${id}`}>{title}</a>
          </li>
        ))}
      </ul>
    </main>
  );
}
