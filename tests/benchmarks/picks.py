"""Whom and what the benchmark at scale asks for: chosen at random, the same in each run.

``deep`` is where nine tenths of all posts, and so of each busy author's, are newer.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.many_rows import BUSY_ONE_IN, SEED, Amount
from tests.benchmarks.upstreams import TOKENS

DEEP = (0.05, 0.15)  # of the ids


@dataclass(frozen=True, slots=True)
class Picks:
    """Random choices among the rows of one database; ``session_ids`` are some of its sessions."""

    amount: Amount
    session_ids: Sequence[uuid.UUID]
    _choice: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - nothing secret

    def busy_author(self) -> int:
        """Return one of the users who write half of all posts."""
        return BUSY_ONE_IN * self._choice.randint(1, self.amount.busy_users)

    def email(self) -> str:
        """Return a user's e-mail address."""
        return f"user{self._choice.randint(1, self.amount.users)}@example.com"

    def post_id(self) -> int:
        """Return the id of a post, which may be a draft."""
        return self._choice.randint(1, self.amount.posts)

    def deep_id(self) -> int:
        """Return an id that is deep in every list."""
        shallowest, deepest = (int(share * self.amount.posts) for share in DEEP)
        return self._choice.randint(shallowest, deepest)

    def session_id(self) -> uuid.UUID:
        """Return the id of a live session."""
        return self._choice.choice(self.session_ids)

    def writer(self) -> int:
        """Return one of the users who have a token, none of whom is busy."""
        return self._choice.randint(1, TOKENS)
