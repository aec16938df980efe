"""The description of the whole API: the services' own OpenAPI documents, joined into one.

``/openapi.json`` is fetched from each upstream; one that has none is left out, one that fails makes the whole
unavailable (503), since half a description reads like a whole one. Only the joined document, which is the same for
everyone, is cached, for a short while. Paths that are never routed are left out; the gateway's own answers are added.
"""

import asyncio
import json
import time
from collections.abc import Iterable

import structlog

from gateway.pages.reference_page import METHODS
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import Policy
from gateway.wire.fetch import fetch
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import AnswerMissing
from shared.errors import AppError, Unavailable
from shared.language.sentences import Sentence

Json = dict[str, object]

KEPT_FOR = 5.0  # seconds
MISSING_FOR = 1.0  # seconds before a part that was missing is asked for again
PART_WITHIN = 5.0  # seconds for all of an upstream's part
MAX_DOCUMENT = 4 * 1024 * 1024  # bytes
VERSION = "0.1.0"

_OWN_ANSWERS = {
    "400": "The request can't be read in exactly one way",
    "502": "The service behind failed",
    "503": "Not available right now; `Retry-After` says when to try again",
    "504": "The service behind is too slow",
}
_SECURITY_SCHEMES = {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

log = structlog.get_logger("reference")


class PartMissing(Exception):
    """An upstream did not give its part of the description; the one argument is the sentence that says so."""


class NoDocument(Exception):
    """What an upstream answered is no description."""


class Reference:
    """Keeps the joined document."""

    def __init__(self, current: CurrentPolicy, public_url: str) -> None:
        self._current = current
        self._public_url = public_url
        self._lock = asyncio.Lock()
        self._document: Json | str = ""  # or why there is none
        self._until = 0.0

    async def get_document(self) -> Json:
        """Return the document; raises Unavailable while a part is missing."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._join_parts()
        if isinstance(self._document, str):
            raise Unavailable(self._document)
        return self._document

    async def _join_parts(self) -> None:
        """Keep the document, or the reason why there is none, for a while."""
        try:
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(_find_part(pool, self._public_url)) for pool in self._current.pools]
        except* PartMissing as missing:
            self._document, kept_for = missing.exceptions[0].args[0], MISSING_FOR
        else:
            found = filter(None, (part.result() for part in parts))
            self._document, kept_for = join(found, self._current.policy, self._public_url), KEPT_FOR
        self._until = time.monotonic() + kept_for


def join(parts: Iterable[Json], policy: Policy, public_url: str) -> Json:
    """Return one OpenAPI document made of several; the paths in the order of the parts."""
    paths: Json = {}
    schemas: Json = {}
    for part in parts:
        paths |= {path: item for path, item in _members(part, "paths").items() if not policy.is_never_routed(path)}
        schemas |= _members(_members(part, "components"), "schemas")
    for item in paths.values():
        _add_own_answers(item)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gatepost", "version": VERSION, "description": "Sign up, sign in, and posts."},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


async def _find_part(pool: UpstreamPool, public_url: str) -> Json | None:
    """Return an upstream's document, or None if it has none; raises PartMissing."""
    try:
        async with asyncio.timeout(PART_WITHIN):
            return await _fetch_part(pool, public_url)
    except (AppError, AnswerMissing, NoDocument, TimeoutError) as error:
        log.warning("description_part_missing", upstream=pool.name, reason=repr(error))
        sentence = Sentence("The description of the {service} service is missing right now", service=pool.name)
        raise PartMissing(sentence) from error


async def _fetch_part(pool: UpstreamPool, public_url: str) -> Json | None:
    """Return an upstream's document, or None if it has none."""
    host = public_url.partition("://")[2]
    head = f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n"
    status, body = await fetch(pool, head.encode(), longest=MAX_DOCUMENT)
    if status == 404:  # noqa: PLR2004 - it has none
        return None
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


def _members(document: Json, name: str) -> Json:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _add_own_answers(item: object) -> None:
    """Add to every operation of a path the answers that the gateway may give in the service's place."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorView"}}}
    for method in METHODS:
        if isinstance(item, dict) and method in item:
            answers = item[method].setdefault("responses", {})
            for status, description in _OWN_ANSWERS.items():
                answers.setdefault(status, {"description": description, "content": content})
