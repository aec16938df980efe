import Link from "next/link";

export default function FirstPage() {
  return (
    <main>
      <h1>Gatepost with Next.js</h1>
      <Link href="/userposts" prefetch={false}>
        My posts
      </Link>
    </main>
  );
}
