"""Who may sign in, sign up, refresh, rename or write to the log just now: ``throttle``'s rules over ``attempts``.

Failed sign-ins are counted

1. by account and address together: that is what holds back who guesses, and nobody elsewhere;
2. by account, over all addresses that the account was never signed in to from: what they get together is capped;
3. by account and browser, for a browser that proves by its device cookie to have been signed in to the account: only
   this count holds it, whatever others do, at its own address too;
4. by address: one with too many failures of any account gets less patience for each account (``Limit.tighten``), but an
   account without failures is let in from everywhere.

An e-mail address that nobody has is counted like any: nothing tells whether there is an account. A success from an
account of one's own gives back that one try and no more, so it buys no further guesses at others.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, Self

import structlog
from prometheus_client import CollectorRegistry, Counter

from auth_service.clients import Client
from auth_service.email_addresses import email_key
from auth_service.guessing.limits import Reason, read_limits
from auth_service.guessing.throttle import LOCKOUT, Count, Limit, Rule, find_site
from auth_service.settings import AuthSettings
from auth_service.tables import attempts
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.sessions import SessionId
from auth_service.tables.users import Credentials
from shared.errors import Throttled, Unavailable
from shared.postgres.database import Connection, Database
from shared.tokens.device_cookie import CLOCK_TOLERANCE

GIVE_BACK_PAUSES = (0, 1, 5, 15, 30)  # seconds before each try to give one back: a failover takes less than all of them
KNOWN_ADDRESS = "sign_in_known_address"  # names the counts of account and address; kept from when only known ones were

log = structlog.get_logger("admission")


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was let in and is counted as failed until it is given back, or leads to a sign-in (``sign_ins``).

    ``known`` is the key of the account together with the address, ``address`` that of the address alone.
    """

    counted: tuple[bytes, ...]
    known: bytes
    address: bytes


@dataclass(frozen=True, slots=True)
class Holds:
    """What counts for a try: by each key a rule, and why it is refused by that."""

    rules: Mapping[bytes, Rule]
    reasons: Mapping[bytes, Reason]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """For how many seconds, by which count, and for which reason nothing more is let in.

    It is hopeful when nothing would stand against the try once all pending ones have succeeded.
    """

    wait: int
    key: bytes
    reason: Reason
    is_hopeful: bool


class Admission:
    """Lets tries in or raises Throttled, which the metrics show.

    Only the first refusal after a counted try is an audit line: a flood must not fill that table.
    """

    def __init__(self, database: Database, key: str, limits: Mapping[Reason, Rule]) -> None:
        self._database = database
        self._key = key.encode()
        self._limits = limits
        self._giving_back: set[asyncio.Task[None]] = set()
        self._throttled: Counter | None = None

    @classmethod
    def build(cls, database: Database, settings: AuthSettings, registry: CollectorRegistry) -> Self:
        """Return the admission that the settings ask for."""
        admission = cls(database, settings.nextauth_secret.get_secret_value(), read_limits(settings))
        admission.count_refusals(registry)
        return admission

    def count_refusals(self, registry: CollectorRegistry) -> None:
        """Show refusals in the metrics, by reason."""
        self._throttled = Counter("gatepost_throttled_total", "Tries refused: too many", ["reason"], registry=registry)
        for reason in Reason:
            self._throttled.labels(reason.value)

    async def admit_sign_in(
        self, connection: Connection, email: str, found: Credentials | None, client: Client
    ) -> Try | None:
        """Count a try to sign in; Throttled when it must wait. To be called before the password is hashed.

        ``found`` is whom the e-mail address names. Known to them is where their present password signed in before. None
        while only pending tries stand against it: ask again when they may have succeeded.
        """
        user_id, set_at = (found.user.id, found.password_set_at) if found else (None, None)
        account, site = email_key(email), find_site(client.address)
        known = self._name(KNOWN_ADDRESS, account, site)
        address = self._name(Reason.ADDRESS, site)
        total, browser = self._name(Reason.ACCOUNT, account), self._find_browser(found, client)
        if browser:
            is_first = await attempts.insert_first_failure(connection, browser, LOCKOUT)
        else:
            is_first = await attempts.update_first_failure(connection, known, LOCKOUT, set_at)
        if is_first:  # no limit is so low that it holds back the first: nothing to decide
            return Try((browser or known,), known, address)
        # A look without a lock: a flood of tries that must wait writes nothing.
        counts = await attempts.list_counts(connection, [browser] if browser else [known, total, address], set_at)
        if browser:
            holds = self._hold({browser: Reason.BROWSER})
        else:
            has_own_count = known in counts and counts[known].is_known
            strangers = {} if has_own_count else {total: Reason.ACCOUNT}
            is_spent = address in counts and self._limits[Reason.ADDRESS].find_wait(counts[address]) > 0
            holds = self._hold({known: Reason.ACCOUNT_AT_ADDRESS, **strangers}, tightened=known if is_spent else None)
        refusal = await self._admit(connection, counts, holds)
        if refusal is None:
            return Try(tuple(holds.rules), known, address)
        if refusal.is_hopeful:
            return None
        return await self._refuse(connection, refusal, client, Event.SIGN_IN_THROTTLED, user_id)

    async def note_failure(self, connection: Connection, failed: Try) -> None:
        """Note, in the caller's transaction, that a try did fail: it is not pending, and counts for its address."""
        allowance = self._limits[Reason.ADDRESS]
        counts = await attempts.insert_and_lock_counts(connection, [*failed.counted, failed.address])
        spent = {failed.address: allowance.add(counts.pop(failed.address))}
        settled = {key: count.settle() for key, count in counts.items()}
        await attempts.update_counts(connection, {**settled, **spent}, LOCKOUT)

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
        holds = self._hold({self._name(reason, user): reason})
        counts = await attempts.list_counts(connection, list(holds.rules))
        refusal = await self._admit(connection, counts, holds)
        if refusal is not None:
            await self._refuse(connection, refusal, client, event, None)

    async def _admit(self, connection: Connection, counts: Mapping[bytes, Count], holds: Holds) -> _Refusal | None:
        """Count a try, or return why it must wait: by the counts as they were seen a moment ago, or as they are."""
        return _find_refusal(counts, holds) or await self._count(connection, holds)

    async def _refuse(
        self, connection: Connection, refusal: _Refusal, client: Client, event: Event | None, user_id: int | None
    ) -> NoReturn:
        if self._throttled is not None:
            self._throttled.labels(refusal.reason.value).inc()
        if event is not None:
            async with connection.transaction():
                if await attempts.update_refusal_noted(connection, refusal.key):
                    await insert_audit_line(connection, event, client, user_id)
        raise Throttled(retry_after=refusal.wait)

    async def _count(self, connection: Connection, holds: Holds) -> _Refusal | None:
        """Count a try, or return why it must wait."""
        async with connection.transaction():
            counts = await attempts.insert_and_lock_counts(connection, list(holds.rules))
            refusal = _find_refusal(counts, holds)
            if refusal is None:
                added = {key: holds.rules[key].add(count) for key, count in counts.items()}
                await attempts.update_counts(connection, added, LOCKOUT)
        return refusal

    def _hold(self, reasons: Mapping[bytes, Reason], tightened: bytes | None = None) -> Holds:
        """Return what counts for a try; one limit may be tightened, which is then the address's doing."""
        rules = {key: self._limits[reason] for key, reason in reasons.items()}
        if tightened is None or not isinstance(limit := rules[tightened], Limit):
            return Holds(rules, reasons)
        return Holds({**rules, tightened: limit.tighten()}, {**reasons, tightened: Reason.ADDRESS})

    def _find_browser(self, found: Credentials | None, client: Client) -> bytes | None:
        """Return the key of a browser that was signed in by the password that the user has now, or None."""
        if found is None or client.known_user_id != found.user.id:
            return None
        if client.known_since + CLOCK_TOLERANCE < found.password_set_at.timestamp():
            return None  # whoever knew an earlier password may have made any number of such cookies
        return self._name(Reason.BROWSER, str(found.user.id), client.known_browser)

    def _name(self, reason: str, *parts: str) -> bytes:
        text = "\0".join((reason, *parts))
        return hmac.digest(self._key, text.encode(), hashlib.sha256)


def _find_refusal(counts: Mapping[bytes, Count], holds: Holds) -> _Refusal | None:
    """Return why a try must wait, by the count that makes it wait longest; None when it need not."""
    held = {key: count for key, count in counts.items() if key in holds.rules}
    wait, key = max(((holds.rules[key].find_wait(count), key) for key, count in held.items()), default=(0, b""))
    if not wait:
        return None
    is_hopeful = not any(holds.rules[key].find_wait(count.hope()) for key, count in held.items())
    return _Refusal(wait, key, holds.reasons[key], is_hopeful)
