"""Who may sign in, sign up, refresh, rename or write to the log just now: ``throttle``'s rules over ``attempts``.

An address that an account was signed in to from before has a count of its own with that account, and only that one
holds it back: strangers' failures lock no owner out. Everybody else is held by the account's count and the address's.
An e-mail address that nobody has is counted like any: nothing tells whether there is an account. A success from an
account of one's own gives back that one try and no more, so it buys no further guesses at others.
"""

import asyncio
import contextlib
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import structlog
from prometheus_client import CollectorRegistry, Counter

from auth_service import attempts
from auth_service.audit import Event, insert_audit_line
from auth_service.clients import Client
from auth_service.sessions import SessionId
from auth_service.settings import AuthSettings
from auth_service.throttle import REST, Allowance, Count, Limit, find_site
from auth_service.users import email_key, find_credentials
from shared.database import Connection, Database
from shared.errors import Throttled, Unavailable

GIVE_BACK_PAUSES = (0, 1, 5, 15, 30)  # seconds before each try to give one back: a failover takes less than all of them

log = structlog.get_logger("admission")


class Reason(StrEnum):
    """What was tried too often, by whom."""

    ACCOUNT = "sign_in_account"
    ADDRESS = "sign_in_address"
    KNOWN = "sign_in_known_address"
    SIGN_UP = "sign_up"
    LOG = "client_log"
    REFRESH = "token_refresh"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was let in and is counted as failed until it is given back, or leads to a sign-in (``sign_ins``)."""

    counted: tuple[bytes, ...]
    known: bytes


@dataclass(frozen=True, slots=True)
class _Refusal:
    """For how many seconds, by which count, and for which reason nothing more is let in."""

    wait: int
    key: bytes
    reason: Reason


class Admission:
    """Lets tries in or raises Throttled, which the metrics show.

    Only the first refusal after a counted try is an audit line: a flood must not fill that table.
    """

    def __init__(self, database: Database, key: str, limits: Mapping[Reason, Limit | Allowance]) -> None:
        self._database = database
        self._key = key.encode()
        self._limits = limits
        self._giving_back: set[asyncio.Task[None]] = set()
        self._throttled: Counter | None = None

    @classmethod
    def build(cls, database: Database, settings: AuthSettings, registry: CollectorRegistry) -> Self:
        """Return the admission that the settings ask for."""
        admission = cls(database, settings.nextauth_secret.get_secret_value(), _read_limits(settings))
        admission.count_refusals(registry)
        return admission

    def count_refusals(self, registry: CollectorRegistry) -> None:
        """Show refusals in the metrics, by reason."""
        self._throttled = Counter("gatepost_throttled_total", "Tries refused: too many", ["reason"], registry=registry)
        for reason in Reason:
            self._throttled.labels(reason.value)

    async def admit_sign_in(self, connection: Connection, email: str, client: Client) -> Try:
        """Count a try to sign in; Throttled when it must wait. To be called before the password is hashed."""
        account, site = email_key(email), find_site(client.address)
        known = self._name(Reason.KNOWN, account, site)
        if await attempts.update_first_failure(connection, known, REST):
            return Try((known,), known)  # no limit is so low that it holds back the first: nothing to decide
        strangers = {
            self._name(Reason.ACCOUNT, account): Reason.ACCOUNT,
            self._name(Reason.ADDRESS, site): Reason.ADDRESS,
        }
        # A look without a lock: a flood of tries that must wait writes nothing.
        counts = await attempts.list_counts(connection, [known, *strangers])
        has_own_count = known in counts and counts[known].is_known
        reasons = {known: Reason.KNOWN} if has_own_count else strangers
        await self._admit(connection, counts, reasons, client, Event.SIGN_IN_THROTTLED, email)
        return Try(tuple(reasons), known)

    async def give_back(self, counted: Try) -> None:
        """Give a try back that was not one to sign in: the caller is signed in already."""
        async with self._database.connection() as connection:
            await attempts.update_given_back(connection, counted.counted)

    def give_back_later(self, counted: Try) -> None:
        """Give a try back that led to no decision. Nobody waits for it; the database may be away for a while."""
        giving_back = asyncio.create_task(self._give_back_patiently(counted))
        self._giving_back.add(giving_back)  # the loop itself would forget it
        giving_back.add_done_callback(self._giving_back.discard)

    async def admit_sign_up(self, client: Client) -> None:
        """Count a try to sign up; Throttled when too many came from this address."""
        await self._admit_address(Reason.SIGN_UP, client, Event.SIGN_UP_THROTTLED)

    async def admit_log(self, client: Client) -> None:
        """Count a line for the log; Throttled when too many came from this address."""
        await self._admit_address(Reason.LOG, client, None)

    async def admit_refresh(self, connection: Connection, session_id: SessionId, client: Client) -> None:
        """Count a refresh token that is made, in the caller's transaction; Throttled when this session had too many."""
        await self._admit_use(connection, Reason.REFRESH, str(session_id), client, None)

    async def admit_rename(self, connection: Connection, user_id: int, client: Client) -> None:
        """Count another name, in the caller's transaction; Throttled when this user took too many."""
        await self._admit_use(connection, Reason.RENAME, str(user_id), client, None)

    async def _give_back_patiently(self, counted: Try) -> None:
        for pause in GIVE_BACK_PAUSES:
            await asyncio.sleep(pause)
            with contextlib.suppress(Unavailable):
                await self.give_back(counted)
                return
        log.warning("try_not_given_back")

    async def _admit_address(self, reason: Reason, client: Client, event: Event | None) -> None:
        async with self._database.connection() as connection:
            await self._admit_use(connection, reason, find_site(client.address), client, event)

    async def _admit_use(
        self, connection: Connection, reason: Reason, user: str, client: Client, event: Event | None
    ) -> None:
        key = self._name(reason, user)
        counts = await attempts.list_counts(connection, [key])
        await self._admit(connection, counts, {key: reason}, client, event)

    async def _admit(
        self,
        connection: Connection,
        counts: Mapping[bytes, Count],
        reasons: Mapping[bytes, Reason],
        client: Client,
        event: Event | None,
        email: str | None = None,
    ) -> None:
        """Count a try, or refuse it: by the counts as they were seen a moment ago, or as they are."""
        seen = {key: count for key, count in counts.items() if key in reasons}
        refusal = self._find_refusal(seen, reasons) or await self._count(connection, reasons)
        if refusal is None:
            return
        if self._throttled is not None:
            self._throttled.labels(refusal.reason.value).inc()
        if event is not None:
            async with connection.transaction():
                if await attempts.update_refusal_noted(connection, refusal.key):
                    found = await find_credentials(connection, email) if email is not None else None
                    await insert_audit_line(connection, event, client, found.user.id if found else None)
        raise Throttled(retry_after=refusal.wait)

    async def _count(self, connection: Connection, reasons: Mapping[bytes, Reason]) -> _Refusal | None:
        """Count a try, or return why it must wait."""
        async with connection.transaction():
            counts = await attempts.insert_and_lock_counts(connection, list(reasons))
            refusal = self._find_refusal(counts, reasons)
            if refusal is None:
                added = {key: self._limits[reasons[key]].add(count) for key, count in counts.items()}
                await attempts.update_counts(connection, added, REST)
        return refusal

    def _find_refusal(self, counts: Mapping[bytes, Count], reasons: Mapping[bytes, Reason]) -> _Refusal | None:
        """Return why a try must wait, by the count that makes it wait longest; None when it need not."""
        waits = [(self._limits[reasons[key]].find_wait(count), key) for key, count in counts.items()]
        wait, key = max(waits, default=(0, b""))
        return _Refusal(wait, key, reasons[key]) if wait else None

    def _name(self, reason: Reason, *parts: str) -> bytes:
        text = "\0".join((reason.value, *parts))
        return hmac.digest(self._key, text.encode(), hashlib.sha256)


def _read_limits(settings: AuthSettings) -> dict[Reason, Limit | Allowance]:
    window, wait = dt.timedelta(seconds=settings.sign_in_failure_window), settings.sign_in_longest_wait
    account = Limit(settings.sign_in_failures_per_account, window, wait, settings.sign_in_failures_in_a_row)
    return {
        Reason.ACCOUNT: account,
        Reason.KNOWN: account,
        Reason.ADDRESS: Limit(settings.sign_in_failures_per_address, window, wait),
        Reason.SIGN_UP: Allowance(settings.sign_ups_per_hour, dt.timedelta(hours=1)),
        Reason.LOG: Allowance(settings.client_logs_per_minute, dt.timedelta(minutes=1)),
        Reason.REFRESH: Allowance(settings.token_refreshes_per_hour, dt.timedelta(hours=1)),
        Reason.RENAME: Allowance(settings.renames_per_hour, dt.timedelta(hours=1)),
    }
