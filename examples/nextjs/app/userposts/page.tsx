"use client";

import { signOut, useSession } from "next-auth/react";
import { useEffect, useState } from "react";

type Post = { id: number; title: string; published: boolean; author: { name: string; email: string } };

export default function UserPosts() {
  const { data: session } = useSession({ required: true });
  const [posts, setPosts] = useState<Post[]>();
  const [fault, setFault] = useState<Error>();
  const user = session?.user;

  useEffect(() => {
    if (user) fetchPosts(user.id, user.accessToken).then(setPosts).catch(setFault);
  }, [user?.id, user?.accessToken]);

  if (fault && !posts) return <p>Your posts can't be fetched: {fault.message}</p>;
  if (!user || !posts) return <p>…</p>;
  return (
    <main>
      <h1>Posts of {user.name}</h1>
      <ul>
        {posts.map((post) => (
          <li key={post.id}>{post.title}</li>
        ))}
      </ul>
      <button onClick={() => signOut({ callbackUrl: "/" })}>Sign out</button>
    </main>
  );
}

async function fetchPosts(userId: number, accessToken: string): Promise<Post[]> {
  const answer = await fetch(`/api/user/${userId}`, { headers: { authorization: accessToken } });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}
