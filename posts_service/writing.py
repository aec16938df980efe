"""What an author does: write, change and delete posts. Each is one transaction, for the API and the pages alike.

Only the author may change a post. For others a draft does not exist (NotFound) and a published post is not theirs
(Forbidden). The author's name and address are taken from the token that they write with, unless newer ones are known. A
deleted user can't write any more (Unauthorized), even while their token is not yet known to be revoked.
"""

import hashlib
from collections.abc import Callable

from posts_service.parts import Parts
from posts_service.schemas import PostChange, PostDraft
from posts_service.tables.idempotency_keys import StoredAnswer, find_answer, insert_answer, lock_key
from posts_service.tables.posts import Post, delete_post, find_post_for_update, insert_post, update_post
from posts_service.web.answers import Answer, created_answer
from shared.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, Unauthorized
from shared.language.sentences import Sentence
from shared.postgres.database import Connection, Database
from shared.tokens.authentication import Anonymous, Reason, challenge
from shared.tokens.signed import Claims
from shared.users_copy.authors import upsert_author

KEY_HEADER = "Idempotency-Key"

Precondition = Callable[[Post], bool]
"""Tells whether a post, as it is now, is the one that the author means to change."""


async def write_post(parts: Parts, author: Claims, draft: PostDraft, key: str | None = None) -> Answer:
    """Store a new post and return the answer that shows it.

    With an idempotency key, only once per key: the same request again gets the same answer again. Raises Conflict while
    the first request with this key is running, Invalid when that was for a different post.
    """
    return await parts.epoch_watch.write(lambda: _write(parts, author, draft, key))


async def change_post(
    database: Database, author: Claims, post_id: int, change: PostChange, is_meant: Precondition
) -> Post:
    """Change one of the author's posts and return it; PreconditionFailed when it is no longer the one meant."""
    async with database.transaction() as connection:
        await upsert_author(connection, author)  # first: the author is always locked before their posts
        await _get_own_post(connection, author, post_id, is_meant)
        return await update_post(
            connection,
            post_id,
            author.user_id,
            title=change.title,
            content=change.content,
            published=change.published,
        )


async def remove_post(database: Database, author: Claims, post_id: int, is_meant: Precondition) -> None:
    """Delete one of the author's posts; PreconditionFailed when it is no longer the one meant."""
    async with database.transaction() as connection:
        await _get_own_post(connection, author, post_id, is_meant)
        await delete_post(connection, post_id, author.user_id)


async def _write(parts: Parts, author: Claims, draft: PostDraft, key: str | None) -> Answer:
    async with parts.database.transaction() as connection:
        if key is None:
            return await _insert(connection, author, draft)
        fingerprint = hashlib.sha256(draft.model_dump_json().encode()).digest()
        if not await lock_key(connection, author.user_id, key):
            raise Conflict(Sentence("A request with this {header} is still running", header=KEY_HEADER))
        stored = await find_answer(connection, author.user_id, key, parts.answers_kept_for)
        if stored is None:
            answer = await _insert(connection, author, draft)
            await insert_answer(connection, author.user_id, key, StoredAnswer(fingerprint, answer))
            return answer
    if stored.fingerprint != fingerprint:
        raise Invalid({KEY_HEADER: "was used before, with another body"})
    return stored.answer


async def _get_own_post(connection: Connection, author: Claims, post_id: int, is_meant: Precondition) -> Post:
    """Return the author's post, locked. The condition is checked last (RFC 9110, section 13.2.1)."""
    post = await find_post_for_update(connection, post_id)
    if post is None or (post.author_id != author.user_id and not post.published):
        raise NotFound
    if post.author_id != author.user_id:
        raise Forbidden
    if not is_meant(post):
        raise PreconditionFailed
    return post


async def _insert(connection: Connection, author: Claims, draft: PostDraft) -> Answer:
    await upsert_author(connection, author)
    post = await insert_post(connection, author.user_id, draft.title, draft.content, published=draft.published)
    if post is None:
        raise Unauthorized(challenge=challenge(Anonymous(Reason.REVOKED)))
    return created_answer(post)
