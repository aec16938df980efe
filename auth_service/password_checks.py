"""Whether a password is that of an e-mail address: at sign-in, and when a signed-in user proves once more who they are.

In this order: a slot for the hash (503), the guessing limits (429), the user, the hash. No database connection is held
while a password is hashed, nor a slot while other tries are waited for.
"""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from auth_service.clients import Client
from auth_service.email_addresses import email_key
from auth_service.guessing.admission import Admission, Attempt
from auth_service.passwords.hashing import Passwords
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.users import Credentials, find_credentials
from shared.errors import Throttled
from shared.postgres.database import Database

PAUSES = (0.02, 0.05, 0.1, *(0.2,) * 24)  # seconds between looks at whether pending tries were decided: five in all
MOST_PATIENT = 64  # tries of one address that wait for others at once

Found = tuple[Credentials | None, Attempt, str | None]
"""Whom an e-mail address names, the try, and how the password is spelt that is theirs; None when it is not."""


@dataclass(frozen=True, slots=True)
class PasswordChecks:
    """Checks passwords within the limits."""

    database: Database
    passwords: Passwords
    admission: Admission
    _patient: collections.Counter[str] = field(default_factory=collections.Counter)

    @contextlib.asynccontextmanager
    async def trying(self, email: str, password: str, client: Client) -> AsyncIterator[Found]:
        """Give what was found out about a password, for the block to decide by.

        Throttled, or Unavailable when there is no slot for one more, which is found out first. A try that ends without
        a decision, by a failure of ours or because it is given up, has not failed: it is given back.
        """
        found = await self._check(email, password, client)
        if found is None:
            with self._being_patient(client.site):
                found = await self._check_patiently(email, password, client)
        try:
            yield found
        except BaseException:
            self.admission.give_back_later(found[1])
            raise

    async def note_failure(self, event: Event, user_id: int | None, failed: Attempt, client: Client) -> None:
        """Note that a try failed, in the counts and in the audit."""
        async with self.database.transaction() as connection:
            await self.admission.note_failure(connection, failed)
            await insert_audit_line(connection, event, client, user_id)

    async def _check_patiently(self, email: str, password: str, client: Client) -> Found:
        """Check a password that others of the same account, not decided yet, keep waiting; or Throttled."""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            found = await self._check(email, password, client)
            if found is not None:
                return found
        raise Throttled

    async def _check(self, email: str, password: str, client: Client) -> Found | None:
        """Return what was found out; None while it is only tries not decided yet that stand against this one."""
        counted: Attempt | None = None
        try:
            with self.passwords.take_slot(client.site, email_key(email)) as slot:
                async with self.database.connection() as connection:
                    found = await find_credentials(connection, email)
                    counted = await self.admission.admit_sign_in(connection, email_key(email), found, client)
                if counted is None:
                    return None
                stored = found.password_hash if found else None
                return found, counted, await self.passwords.find_spelling(password, stored, slot)
        except BaseException:
            if counted is not None:
                self.admission.give_back_later(counted)
            raise

    @contextlib.contextmanager
    def _being_patient(self, site: str) -> Iterator[None]:
        if self._patient[site] >= MOST_PATIENT:
            raise Throttled
        self._patient[site] += 1
        try:
            yield
        finally:
            self._patient[site] -= 1
            if not self._patient[site]:
                del self._patient[site]
