"""The contract between the auth service and the others under ``/internal``: paths, and a model of each message.

    GET  /internal/users/changes   EventsQuestion  ->  ChangePage        called by each service with a copy of users
    GET  /internal/revocations     EventsQuestion  ->  RevocationPage    called by whoever verifies access tokens
    POST /internal/session         SealedSession   ->  SessionAnswer     called by the gateway
    POST /internal/settings        SettingQuestion ->  SettingAnswer     called by the doctor of each service

Both sides import this module. Each call carries a service token, whose key says who calls; each path is for some
callers (``may_call``), and the gateway routes none of it.

The other side may run another release. So nobody refuses unknown members in an answer, nor requires any that an earlier
release did not send; the entries of a page are read one by one (``event_pages``); and the only required members of a
question are those of the first release.
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.timing import LONGEST_WAIT
from shared.tokens.claims import MAX_ID, SESSION_ID_PATTERN
from shared.tokens.session_cookie import MAX_SEALED_LENGTH
from shared.web.schemas import Body, Query, Text

AUTH_SERVICE: Final = "auth_service"
"""The service that is called: the callee in the service tokens."""

GATEWAY: Final = "gateway"
"""The gateway as a caller; every other is a service that verifies tokens and has a copy of users."""

USER_CHANGES_PATH: Final = "/internal/users/changes"
REVOCATIONS_PATH: Final = "/internal/revocations"
SESSION_PATH: Final = "/internal/session"
COMPARISON_PATH: Final = "/internal/settings"

OF_GATEWAY: Final = frozenset({REVOCATIONS_PATH, SESSION_PATH, COMPARISON_PATH})
OF_RESOURCE_SERVERS: Final = frozenset({USER_CHANGES_PATH, REVOCATIONS_PATH, COMPARISON_PATH})

MAX_DEVICE_LENGTH = 200  # characters
MAX_PIECES = 100  # cookies

Number = Annotated[int, Field(ge=1, le=MAX_ID)]


def may_call(caller: str, path: str) -> bool:
    """Tell whether a path is there for a caller: only the gateway gets cookies, and it has no copy of users."""
    return path in (OF_GATEWAY if caller == GATEWAY else OF_RESOURCE_SERVERS)


# Events: numbered, in order, read page after page by long poll


class EventsQuestion(Query):
    """Where a page begins, how many seconds to wait if it is empty, and what the follower knows.

    ``epoch`` is that of the last page, ``known`` the highest user id that the feed ever named.
    """

    after: Annotated[int, Field(ge=0, le=MAX_ID)] = 0
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0.0
    epoch: UUID | None = None
    known: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None


class PageEnd(BaseModel):
    """The part of every page that says where the next one begins; and the epoch, which the previous release lacks."""

    model_config = ConfigDict(strict=True)

    last: Annotated[int, Field(ge=0)]
    epoch: Annotated[str, Field(pattern=rf"^{SESSION_ID_PATTERN}$")] | None = None


class KnownUser(BaseModel):
    """What is published about a user."""

    id: Number
    name: Text
    email: Text


class UserChange(BaseModel):
    """A user who signed up, or has a new name or address."""

    id: Number
    kind: Literal["created", "renamed"]
    user: KnownUser


class UserGone(BaseModel):
    """What remains of a deleted user."""

    id: Number


class UserDeleted(BaseModel):
    """A user who was deleted."""

    id: Number
    kind: Literal["deleted"]
    user: UserGone


class ChangePage(PageEnd):
    """A page of user changes: UserChange and UserDeleted.

    Deletions up to number ``purged`` are forgotten: who had not read so far reads the feed anew. The previous release
    forgets none.
    """

    changes: list[object]
    purged: Annotated[int, Field(ge=0)] = 0


class EndedSession(BaseModel):
    """One session that was ended: no access token of it is valid after ``until`` (Unix seconds)."""

    model_config = ConfigDict(strict=True)

    id: int = 0  # readers don't need it
    sid: Annotated[str, Field(pattern=rf"^{SESSION_ID_PATTERN}$")]
    until: int


class RevocationPage(PageEnd):
    """A page of ended sessions: EndedSession.

    Tokens issued before ``since`` (Unix seconds) are refused, whatever their session; 0 if none are.
    """

    revocations: list[object]
    since: Annotated[int, Field(ge=0)] = 0


# A browser's session


class SealedSession(Body):
    """A session cookie's value, chunks joined, and the names of the cookies that it came in; a device cookie's value.

    The session is empty if there is none; the device cookie is left out if it adds nothing.
    """

    session: Annotated[str, Field(max_length=MAX_SEALED_LENGTH)]
    pieces: Annotated[list[str], Field(max_length=MAX_PIECES)]
    device: Annotated[str | None, Field(max_length=MAX_DEVICE_LENGTH)] = None


Cookie = Annotated[str, Field(pattern=r"^[\x20-\x7e]+$")]
"""A ``Set-Cookie`` value, without any character that could end its line."""


class SessionAnswer(BaseModel):
    """A fresh access token if the session is live, else None; and the cookies that store or clear the session."""

    model_config = ConfigDict(
        strict=True, frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    access_token: Annotated[str | None, Field(alias="accessToken")]
    set_cookie: Annotated[tuple[Cookie, ...], Field(alias="setCookie", strict=False)]


# Settings that the services must agree on


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SettingName = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{1,63}$")]


class SettingQuestion(Body):
    """The caller's settings, each hashed with the nonce (``setting_hashes``)."""

    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    hashes: Annotated[dict[SettingName, Hash], Field(max_length=20)]


class SettingAnswer(BaseModel):
    """Who the caller is here, and how each of its settings is: ``same``, ``previous``, ``other`` or ``unknown``."""

    caller: str
    likeness: dict[str, str]
