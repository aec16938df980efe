"""Somebody who uses the stack over HTTP, remembers what they were told, and notes it in the ledger.

Every answer is judged here: its status, its time, the body of a refusal, and whose data it shows.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx2

from tests.faults.doors import Doors
from tests.faults.ledger import LONGEST_ANSWER, Ledger, Seen, Written

PASSWORD = "planted-Secret-5f0c battery staple"
MARGIN = 5.0  # seconds beyond the longest answer, so that a late one is told from none


class NotServed(Exception):
    """A request that was answered 5xx, or not as it should be, or not at all; the ledger has it."""


@dataclass(slots=True)
class Person:
    """Somebody with an account. ``posts`` are what they wrote, the newest last."""

    doors: Doors
    ledger: Ledger
    email: str = field(default_factory=lambda: f"{uuid.uuid4().hex}@example.com")
    id: int = 0
    token: str = ""
    refresh_token: str = ""
    asked_at: float = 0.0  # when the account was asked for, by the monotonic clock
    posts: list[Written] = field(default_factory=list)

    @property
    def bearer(self) -> dict[str, str]:
        """The header that proves who this is."""
        return {"Authorization": f"Bearer {self.token}"}

    async def sign_up(self) -> None:
        """Make the account. Taken already: the answer to the first try was lost."""
        body = {"name": "Somebody", "email": self.email, "password": PASSWORD}
        self.asked_at = time.monotonic()
        answer = await self.ask("sign up", "POST", "/api/user", (201, 409), json=body)
        if "id" in answer:
            self.ledger.note_id("user", int(str(answer["id"])), self.email)

    async def sign_in(self) -> None:
        """Begin a session."""
        body = {"username": self.email, "password": PASSWORD}
        answer = await self.ask("sign in", "POST", "/api/login", (200,), json=body)
        self._take_tokens(answer)
        if self.id not in {0, answer["id"]}:
            self.ledger.breach("signed in as somebody else")
        self.id = int(str(answer["id"]))
        self.ledger.note_id("user", self.id, self.email)

    async def refresh(self) -> None:
        """Exchange the refresh token. Refused: the answer to the one before was lost for longer than the grace."""
        body = {"refreshToken": self.refresh_token}
        answer = await self.ask("refresh", "POST", "/api/token", (200, 401), json=body)
        if "accessToken" in answer:
            self._take_tokens(answer)
        else:
            await self.sign_in()

    async def write(self, post: Written, *, published: bool) -> None:
        """Write a post; with the same title again it is the same request again."""
        body = {"title": post.title, "content": post.versions[0], "published": published}
        headers = {**self.bearer, "Idempotency-Key": post.title}
        answer = await self.ask("write", "POST", "/api/posts", (201, 409), json=body, headers=headers)
        if "id" in answer:
            post.post_id = int(str(answer["id"]))
            self.ledger.note_id("post", post.post_id, post.title)

    async def change(self, post: Written, content: str) -> None:
        """Give a post another content."""
        post.versions.append(content)
        path = f"/api/posts/{post.post_id}"
        await self.ask("change", "PATCH", path, (200,), json={"content": content}, headers=self.bearer)
        post.versions = [content]

    async def list_posts(self) -> list[tuple[int, str, str]]:
        """Return id, title and content of all posts of one's own."""
        path, found = f"/api/user/{self.id}?limit=100", []
        while path:
            response = await self.send("list", "GET", path, (200,), headers=self.bearer)
            found += [(each["id"], each["title"], each["content"]) for each in response.json()]
            path = str(response.links.get("next", {}).get("url", "")).removeprefix(self.doors.public_url)
        return found

    async def read_newest(self) -> list[dict[str, object]]:
        """Return the newest posts of one's own; those acknowledged must be among them."""
        response = await self.send("read", "GET", f"/api/user/{self.id}", (200,), headers=self.bearer)
        found: list[dict[str, object]] = response.json()
        if any(post["authorId"] != self.id for post in found):
            self.ledger.breach("the posts of somebody else were shown")
        for author in filter(None, (post["author"] for post in found)):
            if isinstance(author, dict) and author.get("email") != self.email:
                self.ledger.breach("somebody was shown with the address of somebody else")
        return found

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        expected: tuple[int, ...],
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """Return the object that is answered; raises NotServed."""
        response = await self.send(what, method, path, expected, json=json, headers=headers)
        found: dict[str, object] = response.json()
        return found

    async def send(
        self,
        what: str,
        method: str,
        path: str,
        expected: tuple[int, ...],
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Return an answer of an expected status; raises NotServed for a failure, which is noted like all else."""
        started = time.monotonic()
        response: httpx2.Response | None = None
        try:
            response = await self.doors.send(method, path, json, headers or {})
        except httpx2.TimeoutException:
            self.ledger.breach(f"{what} was not answered within {LONGEST_ANSWER + MARGIN:.0f} s")
        except httpx2.TransportError:
            pass  # noted as broken
        status = None if response is None else response.status_code
        seen = Seen(what, started, time.monotonic() - started, status)
        self.ledger.note(seen)
        if response is not None and response.status_code >= HTTPStatus.BAD_REQUEST:
            self._judge_refusal(what, response)
        if response is None or seen.is_failed:
            raise NotServed
        if response.status_code not in expected:
            if response.status_code not in self.ledger.tolerated:
                self.ledger.breach(f"{what} was answered {response.status_code}: {response.text[:80]}")
            raise NotServed
        return response

    def _judge_refusal(self, what: str, response: httpx2.Response) -> None:
        try:
            body = response.json()
        except ValueError:
            body = None
        is_common = isinstance(body, dict) and isinstance(body.get("error"), str)
        if not is_common or "x-request-id" not in response.headers:
            self.ledger.breach(f"{what} was refused without the common body: {response.text[:80]}")

    def _take_tokens(self, answer: Mapping[str, object]) -> None:
        self.token, self.refresh_token = str(answer["accessToken"]), str(answer["refreshToken"])
