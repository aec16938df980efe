"""The description of the whole API: the services' own OpenAPI documents, joined into one.

``/openapi.json`` is fetched from each upstream. One that has none is left out; for one that fails the document says
that its part is missing, beside those of the others. With none at all the answer is 503. Only the joined document,
which is the same for everyone, is cached, for a short while. How parts are joined is in ``description``.
"""

import asyncio
import json
import time

import structlog

from gateway.pages.description import join
from gateway.pages.json_members import Json
from gateway.policy.in_force import CurrentPolicy
from gateway.wire.fetch import fetch
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import AnswerMissing
from shared.errors import AppError, Unavailable
from shared.language.sentences import Sentence

KEPT_FOR = 5.0  # seconds
MISSING_FOR = 1.0  # seconds before a part that was missing is asked for again
PART_WITHIN = 5.0  # seconds for all of an upstream's part
MAX_DOCUMENT = 4 * 1024 * 1024  # bytes

log = structlog.get_logger("reference")


class NoDocument(Exception):
    """What an upstream answered is no description."""


class Reference:
    """Keeps the joined document."""

    def __init__(self, current: CurrentPolicy, public_url: str) -> None:
        self._current = current
        self._public_url = public_url
        self._lock = asyncio.Lock()
        self._document: Json | None = None
        self._until = 0.0

    async def get_document(self) -> Json:
        """Return the document, without the parts that are missing; raises Unavailable while there is none at all."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._join_parts()
        if self._document is None:
            raise Unavailable(Sentence("The description of the API is missing right now"))
        return self._document

    async def _join_parts(self) -> None:
        """Keep the document for a while, but for a shorter one where a part is missing."""
        pools = self._current.pools
        parts = await asyncio.gather(*(_find_part(pool, self._public_url) for pool in pools))
        found = {pool.name: part for pool, part in zip(pools, parts, strict=True) if part is not None}
        missing = [pool.name for pool in pools if pool.name not in found]
        is_nothing = bool(missing) and not any(found.values())
        self._document = None if is_nothing else join(found, self._current.policy, self._public_url, missing)
        self._until = time.monotonic() + (MISSING_FOR if missing else KEPT_FOR)


async def _find_part(pool: UpstreamPool, public_url: str) -> Json | None:
    """Return an upstream's document, or an empty one if it has none; None while the part is missing."""
    try:
        async with asyncio.timeout(PART_WITHIN):
            return await _fetch_part(pool, public_url)
    except (AppError, AnswerMissing, NoDocument, TimeoutError) as error:
        log.warning("description_part_missing", upstream=pool.name, reason=repr(error))
        return None


async def _fetch_part(pool: UpstreamPool, public_url: str) -> Json:
    """Return an upstream's document, an empty one if it has none."""
    host = public_url.partition("://")[2]
    head = f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n"
    status, body = await fetch(pool, head.encode(), longest=MAX_DOCUMENT)
    if status == 404:  # noqa: PLR2004 - it has none
        return {}
    if status != 200 or len(body) > MAX_DOCUMENT:  # noqa: PLR2004 - nothing else is a document
        raise NoDocument(f"status {status}, {len(body)} bytes")
    return _read_object(body)


def _read_object(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise NoDocument("not JSON") from error
    if not isinstance(document, dict):
        raise NoDocument("not an object")
    return document
