"""Keeps a browser signed in: gets a fresh access token for a session cookie whose token has expired, or is about to.

    POST /internal/session {session, pieces, device?}  ->  {accessToken | null, setCookie}

1. Only one call at a time is made about a session: requests that come meanwhile share its answer, and so do those of
   the next seconds, for a page sends many. (Not where a device cookie is the reason: it stays when its browser signs
   out, and an earlier answer would count until the gateway hears that the session was ended.)
2. Nobody waits for long. When the auth service is down, slow or answers nonsense, the request goes on with what its own
   token still proves; if that is nothing, its caller is unknown: ``is_unknown``.
3. A fresh token is verified like any other, each time it is used; a session known to be ended gets none.
4. Null means that no session is live: the caller is anonymous, and the cookies to set clear the browser's.
5. A device cookie is sent where it names another session than the session cookie does. An answer with any session but
   that one means that it is over, for good: it is kept among the revocations, and not asked about again for a while.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from gateway.callers.credentials import Credentials, Identity, StaleSession
from gateway.messages.raw_headers import RawHeader
from shared.auth_events.contract import SESSION_PATH, SealedSession, SessionAnswer
from shared.errors import Unavailable
from shared.tokens.authentication import Anonymous, Caller, Reason, User, authenticate_token, names_unknown_key
from shared.tokens.published_keys import KeyFollower
from shared.tokens.session_cookie import CookieNames, list_session_pieces
from shared.web.service_calls import ServiceClient

TIMEOUT = 1.5  # seconds that a request waits at most
REMEMBER = 5.0  # seconds that an answer counts for the session's other requests
BACK_OFF = 1.0  # seconds without a question about a session after one that failed
MAX_SESSIONS = 10_000  # that are being asked about or remembered; beyond, nothing is renewed
FORGET_EVERY = 1.0  # seconds; it costs as much as there are sessions remembered

log = structlog.get_logger("session_renewal")


@dataclass(frozen=True, slots=True)
class RenewedCaller:
    """The caller after a renewal, and the ``Set-Cookie`` values to put on the answer (see ``add_cookies``).

    ``is_unknown``: the caller is anonymous only because the auth service could not be reached.
    """

    caller: Caller
    set_cookie: tuple[str, ...] = ()
    is_unknown: bool = False


@dataclass(slots=True)
class _Question:
    """One question about a session, running or answered; ``until`` by the monotonic clock."""

    task: "asyncio.Task[SessionAnswer | None]"
    until: float = field(default=float("inf"))


class SessionRenewal:
    """Renews the sessions of callers whom ``credentials`` identified. ``close`` at the end."""

    def __init__(
        self, auth_service: ServiceClient, credentials: Credentials, key_follower: KeyFollower | None = None
    ) -> None:
        self._auth_service = auth_service
        self._key_follower = key_follower
        self._credentials = credentials
        self._forgot_at = float("-inf")  # by the monotonic clock
        self._questions: dict[tuple[str, str | None], _Question] = {}

    async def renew(self, identity: Identity) -> RenewedCaller:
        """Return the renewed caller where there is something to renew; else, and when that fails, the same caller."""
        if identity.stale is None:
            return RenewedCaller(identity.caller)
        answer = await self._ask_once(identity.stale)
        without_answer = RenewedCaller(identity.caller, is_unknown=isinstance(identity.caller, Anonymous))
        if answer is None:
            return without_answer
        if answer.access_token is None:
            self._note_end(identity.stale)
            return RenewedCaller(Anonymous(Reason.REVOKED), answer.set_cookie)
        now = int(time.time())
        caller = await self._authenticate(answer.access_token, now)
        if isinstance(caller, User) and caller.claims.session_id in self._list_wanted(identity.stale, now):
            if caller.claims.session_id != identity.stale.session_id:
                self._note_end(identity.stale)
            return RenewedCaller(caller, answer.set_cookie)
        return RenewedCaller(caller) if caller == Anonymous(Reason.REVOKED) else without_answer

    async def _authenticate(self, token: str, now: int) -> Caller:
        """Return the caller that a fresh token proves, which may be the first that a new key has signed."""
        credentials = self._credentials
        caller = authenticate_token(token, credentials.tokens, credentials.revocations, now)
        if self._key_follower is None or not names_unknown_key(caller):
            return caller
        await self._key_follower.settle()
        return authenticate_token(token, credentials.tokens, credentials.revocations, now)

    async def close(self) -> None:
        """End the questions that still run."""
        tasks = [question.task for question in self._questions.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _list_wanted(self, stale: StaleSession, now: int) -> list[object]:
        """Return the sessions whose tokens are acceptable as an answer."""
        opened = self._credentials.sealer.open(stale.sealed, now) if stale.device is not None else None
        return [stale.session_id, *([opened.get("sid")] if opened else [])]

    def _note_end(self, stale: StaleSession) -> None:
        """Note that the session of a device cookie is over."""
        if stale.device is not None:
            ttl = self._credentials.tokens.ttl
            self._credentials.revocations.add(stale.session_id, int(time.time()) + ttl)

    async def _ask_once(self, stale: StaleSession) -> SessionAnswer | None:
        """Return the answer about a session, of now or of a moment ago; None where there is none."""
        question = self._questions.get(_key_of(stale))
        if question is None or question.until <= time.monotonic():
            question = self._begin(stale)
        return await asyncio.shield(question.task) if question else None  # if this caller goes, the others still wait

    def _begin(self, stale: StaleSession) -> _Question | None:
        now = time.monotonic()
        if now - self._forgot_at >= FORGET_EVERY:
            self._questions = {key: each for key, each in self._questions.items() if each.until > now}
            self._forgot_at = now
        if len(self._questions) >= MAX_SESSIONS:
            return None
        question = _Question(asyncio.create_task(self._ask(stale)))
        self._questions[_key_of(stale)] = question
        remember = REMEMBER if stale.device is None else 0.0
        question.task.add_done_callback(lambda task: _note_answer(question, task, remember))
        return question

    async def _ask(self, stale: StaleSession) -> SessionAnswer | None:
        try:
            asked = SealedSession(session=stale.sealed, pieces=list(stale.pieces), device=stale.device)
            body = asked.model_dump(exclude_none=True)
            async with asyncio.timeout(TIMEOUT):
                answer = await self._auth_service.post_json(SESSION_PATH, body, timeout=TIMEOUT)
            return SessionAnswer.model_validate(answer)
        except (Unavailable, ValidationError, TimeoutError) as error:
            log.warning("session_not_renewed", sid=stale.session_id, error=type(error).__name__)
            return None


def _key_of(stale: StaleSession) -> tuple[str, str | None]:
    """Return the key by which requests share an answer."""
    return stale.session_id, stale.sealed if stale.device is not None else None


def add_cookies(headers: Iterable[RawHeader], renewed: RenewedCaller, names: CookieNames) -> list[RawHeader]:
    """Return an answer's headers with the renewed cookies, unless the answer sets or clears the session itself."""
    headers = list(headers)
    set_here = [value.partition(b"=")[0].decode("latin-1") for name, value in headers if name.lower() == b"set-cookie"]
    if list_session_pieces(set_here, names.session):
        return headers
    return headers + [(b"set-cookie", value.encode("ascii")) for value in renewed.set_cookie]


def _note_answer(question: _Question, task: "asyncio.Task[SessionAnswer | None]", remember: float) -> None:
    has_answer = not task.cancelled() and task.exception() is None and task.result() is not None
    question.until = time.monotonic() + (remember if has_answer else BACK_OFF)
