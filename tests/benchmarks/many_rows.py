"""The rows of the benchmark at scale, whatever their number: the same shape, so that sizes can be compared.

PostgreSQL makes them from their numbers, the same in each run. Half of the posts are by one user in a hundred, who is
busy; the other half by everybody. One post follows another as in a life, each by another author: those of one author
stand far apart. One in eight is a draft. Texts have 40 to 1,240 characters, 440 on average.
"""

import random
from dataclasses import dataclass

BUSY_ONE_IN = 100
SESSION_ONE_IN = 10
TEXT_LENGTH = 4000  # of what all texts are cut from
SEED = 1

_WORDS = "the of and a to in is it was for on are as with they be at one have this from by hot but some what there we"


@dataclass(frozen=True, slots=True)
class Amount:
    """How many users and posts there are. A multiple of a hundred users, so that some are busy."""

    users: int
    posts: int

    @property
    def busy_users(self) -> int:
        """How many users write half of all posts: those whose ids are multiples of a hundred."""
        return self.users // BUSY_ONE_IN


# $1 and $2 are the first and the last number of those to insert.
INSERT_USERS = """
    INSERT INTO users (name, email, email_key, password_hash)
    SELECT 'User ' || number, 'user' || number || '@example.com', 'user' || number || '@example.com', $3
    FROM generate_series($1::bigint, $2::bigint) AS number ORDER BY number
"""
INSERT_SESSIONS = f"""
    INSERT INTO sessions (user_id, user_agent, address, ends_at, idle_ends_at)
    SELECT id, 'Mozilla/5.0 (X11; Linux x86_64) benchmark', '192.0.2.1', now() + interval '30 days',
        now() + interval '7 days'
    FROM users WHERE id BETWEEN $1 AND $2 AND id % {SESSION_ONE_IN} = 0 ORDER BY id
"""  # noqa: S608 - a number of our own
INSERT_REFRESH_TOKENS = """
    INSERT INTO refresh_tokens (token_hash, session_id)
    SELECT sha256(uuid_send(id)), id FROM sessions WHERE user_id BETWEEN $1 AND $2
"""
INSERT_AUTHORS = """
    INSERT INTO authors (id, name, email, as_of)
    SELECT number, 'User ' || number, 'user' || number || '@example.com', now()
    FROM generate_series($1::bigint, $2::bigint) AS number ORDER BY number
"""
# $3 is the number of all posts, $4 that of users, $5 that of busy ones, $6 the text. The hash stands in for chance:
# the next post of an author is neither a draft nor long because the last one was.
INSERT_POSTS = f"""
    INSERT INTO posts (author_id, title, content, published, created_at, updated_at)
    SELECT CASE number % 2 WHEN 0 THEN 1 + number / 2 % $4 ELSE {BUSY_ONE_IN} * (1 + number / 2 % $5) END,
        substr($6, 1 + chance % 1009, 15 + chance % 50),
        substr($6, 1 + chance / 1024 % 2003, 40 + chance % 1000 * (chance % 1000) / 833),
        chance / 1048576 % 8 > 0, moment, moment
    FROM generate_series($1::bigint, $2::bigint) AS number
    CROSS JOIN LATERAL (
        SELECT hashint8(number) & 2147483647 AS chance,
            date_trunc('milliseconds', now()) - ($3 - number) * interval '1 second' AS moment
    ) AS made
    ORDER BY number
"""  # noqa: S608 - the same


def make_text() -> str:
    """Return what the texts of posts are cut from: words, the same in each run."""
    choice = random.Random(SEED)  # noqa: S311 - nothing secret
    words = _WORDS.split()
    return " ".join(choice.choice(words) for _ in range(TEXT_LENGTH))[:TEXT_LENGTH]


def list_batches(total: int, size: int) -> list[tuple[int, int]]:
    """Return the first and the last number of each batch of so many, from 1 to the total."""
    return [(first, min(first + size - 1, total)) for first in range(1, total + 1, size)]
