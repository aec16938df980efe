"""Who may sign in, sign up, refresh, rename or write to the log just now: the ``rules``, applied to the stored counts.

An e-mail address without an account is counted like any other, so nothing reveals whether there is one. Signing in to
an account of one's own gives back that one try and no more, so it buys no further guesses at others.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import NoReturn, Self

import structlog
from prometheus_client import CollectorRegistry, Counter

from auth_service.clients import Client, get_site
from auth_service.guessing.rules import (
    Count,
    Hold,
    Holds,
    LimitName,
    Limits,
    Refusal,
    SignInKeys,
    find_refusal,
    hold_sign_in,
)
from auth_service.mail.addresses import email_key
from auth_service.settings import AuthSettings
from auth_service.tables import attempts
from auth_service.tables.attempts import Attempt
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.users import Credentials, User
from shared.errors import Throttled, Unavailable
from shared.postgres.database import Connection, Database
from shared.tokens.device_cookie import CLOCK_TOLERANCE, LastSignIn

GIVE_BACK_PAUSES = (0, 1, 5, 15, 30)  # seconds before each attempt to give one back: together, longer than a failover
LETTERS_TO_ADDRESS = (LimitName.LETTER_PAUSE, LimitName.LETTER_HOUR, LimitName.LETTER_DAY)
AT_ADDRESS = "sign_in_known_address"  # the name of account-and-address counts in their keys, never to change
EVENTS = {
    **dict.fromkeys((LimitName.ACCOUNT, LimitName.ACCOUNT_AT_ADDRESS), Event.SIGN_IN_THROTTLED),
    **dict.fromkeys((LimitName.ADDRESS, LimitName.BROWSER), Event.SIGN_IN_THROTTLED),
    LimitName.SIGN_UP: Event.SIGN_UP_THROTTLED,
    LimitName.CODE: Event.CODE_THROTTLED,
    **dict.fromkeys((*LETTERS_TO_ADDRESS, LimitName.LETTER_CLIENT), Event.LETTER_THROTTLED),
}
"""What the audit calls a refusal; those of other limits have no line there."""

log = structlog.get_logger("admission")


class Admission:
    """Lets tries in or raises Throttled, which the metrics show.

    Only the first refusal after a counted try gets an audit line: a flood must not fill that table.
    """

    def __init__(self, database: Database, key: str, limits: Limits, registry: CollectorRegistry) -> None:
        self._database = database
        self._key = key.encode()
        self._limits = limits
        self._giving_back: set[asyncio.Task[None]] = set()
        self._throttled = Counter("gatepost_throttled_total", "Tries refused: too many", ["reason"], registry=registry)
        for name in LimitName:
            self._throttled.labels(name.value)

    @classmethod
    def build(cls, database: Database, settings: AuthSettings, registry: CollectorRegistry) -> Self:
        """Return the admission configured by the settings."""
        return cls(database, settings.nextauth_secret.get_secret_value(), Limits.read(settings), registry)

    async def admit_sign_in(
        self, connection: Connection, account: str, named: Credentials | None, client: Client
    ) -> Attempt | None:
        """Count a try to sign in; Throttled when it must wait. Call this before the password is hashed.

        ``account`` is the key of the e-mail address and ``named`` the user whom it names. An address or browser is
        known to them if their present password signed in there before. Returns None while only pending tries stand in
        the way: try again when they may have succeeded.
        """
        user_id, set_at = (named.user.id, named.password_set_at) if named else (None, None)
        keys = SignInKeys(
            account=self._name(LimitName.ACCOUNT, account),
            account_at_address=self._name(AT_ADDRESS, account, client.site),
            address=self._name(LimitName.ADDRESS, client.site),
            browser=self._find_browser(client.device, named),
        )
        if keys.browser:
            is_first = await attempts.insert_first_try(connection, keys.browser)
        else:
            is_first = await attempts.update_first_try(connection, keys.account_at_address, set_at)
        if is_first:  # no limit is so low as to hold back the first: nothing to decide
            counted = (keys.browser or keys.account_at_address,)
            return Attempt(counted, keys.account_at_address, keys.address, is_familiar=True)
        # Read without a lock: a flood of tries that must wait writes nothing.
        counts = await attempts.list_counts(connection, keys.list_looked_at(), set_at)
        holds = hold_sign_in(self._limits, keys, counts)
        refusal = await self._admit(connection, counts, holds)
        if refusal is None:
            here = counts.get(keys.account_at_address)
            is_familiar = keys.browser is not None or (here is not None and here.is_known)
            return Attempt(tuple(holds), keys.account_at_address, keys.address, is_familiar)
        if refusal.is_hopeful:
            return None
        return await self._refuse(connection, refusal, client, user_id)

    async def note_failure(self, connection: Connection, attempt: Attempt) -> None:
        """Note, in the caller's transaction, that a try failed: it is no longer pending, and counts for its address."""
        counts = await attempts.insert_and_lock_counts(connection, [*attempt.counted, attempt.address])
        spent = {attempt.address: self._limits.address.add(counts.pop(attempt.address))}
        failed = {key: count.fail() for key, count in counts.items()}
        await attempts.update_counts(connection, {**failed, **spent})

    async def give_back(self, attempt: Attempt) -> None:
        """Give back a try that was not one to sign in: the caller is signed in already."""
        async with self._database.transaction() as connection:
            counts = await attempts.insert_and_lock_counts(connection, attempt.counted)
            await attempts.update_counts(connection, {key: count.give_back() for key, count in counts.items()})

    def give_back_later(self, attempt: Attempt) -> None:
        """Give back, in the background, a try that led to no decision: the database may be away for a while."""
        giving_back = asyncio.create_task(self._give_back_patiently(attempt))
        self._giving_back.add(giving_back)  # the loop itself holds only a weak reference
        giving_back.add_done_callback(self._giving_back.discard)

    async def admit_address(self, name: LimitName, client: Client) -> None:
        """Count what one address may do so often; Throttled when that is over."""
        async with self._database.connection() as connection:
            await self.admit_use(connection, name, client.site, client)

    async def check_address(self, name: LimitName, client: Client) -> None:
        """Raise Throttled where an address has done something too often already; it counts nothing."""
        holds = {self._name(name, client.site): self._hold(name)}
        async with self._database.connection() as connection:
            refusal = find_refusal(await attempts.list_counts(connection, list(holds)), holds)
            if refusal is not None:
                await self._refuse(connection, refusal, client, None)

    async def admit_use(self, connection: Connection, name: LimitName, whose: str, client: Client) -> None:
        """Count, in the caller's transaction, what one user or session may do so often; Throttled when that is over."""
        await self._admit_all(connection, {self._name(name, whose): self._hold(name)}, client)

    async def admit_notice(self, connection: Connection, account: str, kind: str) -> bool:
        """Count a notice of some kind to an address, by its key, in the caller's transaction; tell whether to send it.

        By the address, and not by the user: a new account with it has no new allowance.
        """
        holds = {self._name(LimitName.NOTICE, account, kind): self._hold(LimitName.NOTICE)}
        counts = await attempts.list_counts(connection, list(holds))
        return await self._admit(connection, counts, holds) is None

    async def admit_letter(self, account: str, client: Client, named: Credentials | None = None) -> None:
        """Count a letter to an address, by its key; Throttled when it, or whoever asks, was sent too many.

        It makes no difference whether anybody has the address. But a browser that was signed in to the account, if the
        user whom the address names is given, has an allowance of its own: nobody else uses that up. All those of a user
        who has not proven the address share one, for it may be somebody else's.
        """
        asked = [account]
        if named is not None and (browser := self._find_browser(client.device, named)):
            asked.append(browser.hex() if named.user.email_verified_at else "any known browser")
        holds = {
            **{self._name(name, *asked): self._hold(name) for name in LETTERS_TO_ADDRESS},
            self._name(LimitName.LETTER_CLIENT, client.site): self._hold(LimitName.LETTER_CLIENT),
        }
        async with self._database.connection() as connection:
            await self._admit_all(connection, holds, client)

    async def note_owner(self, connection: Connection, account: str, client: Client) -> None:
        """Let the owner of an account, named by its key, sign in after they have proved by mail that it is theirs.

        In the caller's transaction, once the password is set. What failed before, from wherever, is forgiven; and the
        address is known to the account, as if it had been signed in to from there: so whoever goes on failing
        elsewhere holds up nobody here.
        """
        here = self._name(AT_ADDRESS, account, client.site)
        await attempts.insert_known(connection, here, [self._name(LimitName.ACCOUNT, account)])

    async def forgive(
        self, connection: Connection, user: User, addresses: Iterable[str | None], sessions: Iterable[str]
    ) -> int:
        """Let a user sign in again, and be sent letters, whatever failed before; return how many counts held them up.

        In the caller's transaction. At other addresses than these, and in browsers with none of these sessions, what
        failed still counts: those counts can't be found by the account.
        """
        account = email_key(user.email)
        names: list[tuple[str, ...]] = [(AT_ADDRESS, account, get_site(address)) for address in addresses]
        names += [(LimitName.BROWSER, str(user.id), session_id) for session_id in sessions]
        names += [(name, account) for name in (LimitName.ACCOUNT, *LETTERS_TO_ADDRESS)]
        return await attempts.update_forgiven(connection, [self._name(name, *whose) for name, *whose in names])

    async def _give_back_patiently(self, attempt: Attempt) -> None:
        for pause in GIVE_BACK_PAUSES:
            await asyncio.sleep(pause)
            with contextlib.suppress(Unavailable):
                await self.give_back(attempt)
                return
        log.warning("try_not_given_back")

    async def _admit_all(self, connection: Connection, holds: Holds, client: Client) -> None:
        counts = await attempts.list_counts(connection, list(holds))
        refusal = await self._admit(connection, counts, holds)
        if refusal is not None:
            await self._refuse(connection, refusal, client, None)

    async def _admit(self, connection: Connection, counts: Mapping[bytes, Count], holds: Holds) -> Refusal | None:
        """Count a try, or return why it must wait, by the counts as read a moment ago or as they are now."""
        if refusal := find_refusal(counts, holds):
            return refusal
        async with connection.transaction():
            counts = await attempts.insert_and_lock_counts(connection, list(holds))
            refusal = find_refusal(counts, holds)
            if refusal is None:
                added = {key: holds[key].rule.add(count) for key, count in counts.items()}
                await attempts.update_counts(connection, added)
        return refusal

    async def _refuse(self, connection: Connection, refusal: Refusal, client: Client, user_id: int | None) -> NoReturn:
        self._throttled.labels(refusal.name.value).inc()
        if event := EVENTS.get(refusal.name):
            async with connection.transaction():
                if await attempts.update_refusal_noted(connection, refusal.key):
                    await insert_audit_line(connection, event, client, user_id)
        raise Throttled(retry_after=refusal.wait)

    def _hold(self, name: LimitName) -> Hold:
        return Hold(name, self._limits.uses[name])

    def _find_browser(self, device: LastSignIn | None, named: Credentials | None) -> bytes | None:
        """Return the key of a browser that was signed in with the user's present password, or None.

        Somebody who knew an earlier password may hold any number of such cookies.
        """
        if device is None or named is None or device.user_id != named.user.id:
            return None
        if device.made + CLOCK_TOLERANCE < named.password_set_at.timestamp():
            return None
        return self._name(LimitName.BROWSER, str(named.user.id), device.session_id)

    def _name(self, name: str, *parts: str) -> bytes:
        text = "\0".join((name, *parts))
        return hmac.digest(self._key, text.encode(), hashlib.sha256)
