// A route handler: the caller's posts as a file.

import { auth } from "../../auth";
import { askGateway } from "../../gateway";

export const GET = auth(async ({ auth: session }) => {
  if (!session) return Response.json({ error: "No Authorization" }, { status: 401 });
  const posts = await askGateway(`/api/user/${session.user.id}`);
  const headers = { "content-disposition": 'attachment; filename="posts.json"' };
  return Response.json(await posts.json(), { status: posts.status, headers });
});
