"""A follower of the auth service's feeds that reads when it is told to: it can be away as long as a test wants."""

import time
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from shared.auth_events.contract import REVOCATIONS_PATH, USER_CHANGES_PATH
from shared.settings import SAMPLE_SECRETS
from tests.support.service_callers import tokens_of

FEEDS = {"user_changes": USER_CHANGES_PATH, "revocations": REVOCATIONS_PATH}


@dataclass(frozen=True, slots=True)
class FeedReader:
    """How far a feed was read, as ``shared/auth_events/follower.py`` keeps it."""

    feed: str
    after: int = 0
    epoch: str | None = None
    entries: tuple[int, ...] = ()
    has_gone_back: bool = False

    async def read(self, auth: httpx2.AsyncClient) -> "FeedReader":
        """Return the reader at the end of the feed, or where it must begin anew."""
        reader = self
        while True:
            page = await reader._ask(auth)
            numbers = tuple(entry["id"] for entry in page.get("changes", page.get("revocations")))
            has_gone_back = page["last"] < reader.after
            done = page["last"] == reader.after
            reader = replace(
                reader,
                after=page["last"],
                epoch=page["epoch"],
                entries=reader.entries + numbers,
                has_gone_back=has_gone_back,
            )
            if done or has_gone_back:
                return reader

    async def _ask(self, auth: httpx2.AsyncClient) -> dict[str, Any]:
        known = {"known": "0"} if self.feed == "user_changes" else {}
        asked = {"after": str(self.after), **({"epoch": self.epoch} if self.epoch else {}), **known}
        answer = await auth.get(FEEDS[self.feed], params=asked, headers=_prove_caller())
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page


def _prove_caller() -> dict[str, str]:
    tokens = tokens_of(SAMPLE_SECRETS["SERVICE_SECRET"])
    return {
        "authorization": f"Bearer {tokens.sign(caller='posts_service', callee='auth_service', now=int(time.time()))}"
    }
