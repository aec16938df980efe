"""Who may try to sign in, sign up or write to the log just now: the rules of ``throttle`` over the table ``attempts``.

An address that an account was signed in to from before has a count of its own with that account, and only that one
holds it back: strangers' failures lock no owner out. Everybody else is held by the account's count and the address's.
An e-mail address that nobody has is counted like any: nothing tells whether there is an account. A success from an
account of one's own gives back that one try and no more, so it buys no further guesses at others.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from prometheus_client import CollectorRegistry, Counter

from auth_service import attempts
from auth_service.audit import Event, insert_audit_line
from auth_service.clients import Client
from auth_service.settings import AuthSettings
from auth_service.throttle import REST, Allowance, Count, Limit, find_site
from auth_service.users import email_key, find_credentials
from shared.database import Connection, Database
from shared.errors import Throttled

KNOWN_FOR = dt.timedelta(days=90)  # after the last sign-in from there
PRUNE_EVERY = 500  # counted tries of this process


class Reason(StrEnum):
    """What was tried too often, by whom."""

    ACCOUNT = "sign_in_account"
    ADDRESS = "sign_in_address"
    KNOWN = "sign_in_known_address"
    SIGN_UP = "sign_up"
    LOG = "client_log"


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was let in and is counted as failed until ``succeed`` or ``give_back``."""

    counted: tuple[bytes, ...]
    known: bytes


class Admission:
    """Lets tries in or raises Throttled, which the metrics show.

    Only the first refusal after a counted try is an audit line: a flood must not fill that table.
    """

    def __init__(self, database: Database, key: str, limits: Mapping[Reason, Limit | Allowance]) -> None:
        self._database = database
        self._key = key.encode()
        self._limits = limits
        self._tries = 0
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

    async def admit_sign_in(self, email: str, client: Client) -> Try:
        """Count a try to sign in; Throttled when it must wait. To be called before the password is hashed."""
        account, site = email_key(email), find_site(client.address)
        known = self._name(Reason.KNOWN, account, site)
        async with self._database.connection() as connection:
            has_own_count = await attempts.is_known(connection, known)
        strangers = {
            self._name(Reason.ACCOUNT, account): Reason.ACCOUNT,
            self._name(Reason.ADDRESS, site): Reason.ADDRESS,
        }
        counted = {known: Reason.KNOWN} if has_own_count else strangers
        await self._admit(counted, client, Event.SIGN_IN_THROTTLED, email)
        return Try(tuple(counted), known)

    async def succeed(self, connection: Connection, counted: Try) -> None:
        """Give a try back that led to a sign-in, and remember from where: the caller's count is zero again."""
        await attempts.update_given_back(connection, counted.counted)
        await attempts.insert_known(connection, counted.known, KNOWN_FOR)

    async def give_back(self, counted: Try) -> None:
        """Give a try back that was never decided."""
        async with self._database.connection() as connection:
            await attempts.update_given_back(connection, counted.counted)

    async def admit_sign_up(self, client: Client) -> None:
        """Count a try to sign up; Throttled when too many came from this address."""
        key = self._name(Reason.SIGN_UP, find_site(client.address))
        await self._admit({key: Reason.SIGN_UP}, client, Event.SIGN_UP_THROTTLED)

    async def admit_log(self, client: Client) -> None:
        """Count a line for the log; Throttled when too many came from this address."""
        await self._admit({self._name(Reason.LOG, find_site(client.address)): Reason.LOG}, client, None)

    async def _admit(
        self, reasons: Mapping[bytes, Reason], client: Client, event: Event | None, email: str | None = None
    ) -> None:
        keys = sorted(reasons)  # always locked in the same order
        async with self._database.connection() as connection:
            # A look without a lock: a flood of tries that must wait writes nothing.
            found = self._find_longest_wait(await attempts.list_counts(connection, keys), reasons)
        if found is None:
            async with self._database.transaction() as connection:
                counts = {key: await attempts.insert_and_lock_count(connection, key) for key in keys}
                found = self._find_longest_wait(counts, reasons)
                if found is None:
                    await self._store(connection, counts, reasons)
        if found is not None:
            await self._refuse(*found, reasons, client, event, email)

    def _find_longest_wait(
        self, counts: Mapping[bytes, Count], reasons: Mapping[bytes, Reason]
    ) -> tuple[int, bytes] | None:
        waits = [(self._limits[reasons[key]].find_wait(count), key) for key, count in counts.items()]
        wait, key = max(waits, default=(0, b""))
        return (wait, key) if wait else None

    async def _store(
        self, connection: Connection, counts: Mapping[bytes, Count], reasons: Mapping[bytes, Reason]
    ) -> None:
        for key, count in counts.items():
            await attempts.update_count(connection, key, self._limits[reasons[key]].add(count), REST)
        if self._tries % PRUNE_EVERY == 0:
            await attempts.delete_forgotten(connection)
        self._tries += 1

    async def _refuse(
        self,
        wait: int,
        key: bytes,
        reasons: Mapping[bytes, Reason],
        client: Client,
        event: Event | None,
        email: str | None,
    ) -> None:
        if self._throttled is not None:
            self._throttled.labels(reasons[key].value).inc()
        if event is not None:
            async with self._database.transaction() as connection:
                if await attempts.update_refusal_noted(connection, key):
                    found = await find_credentials(connection, email) if email is not None else None
                    await insert_audit_line(connection, event, client, found.user.id if found else None)
        raise Throttled(retry_after=wait)

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
    }
