"""Delivery: every replica sends the letters that wait in their table, in the background.

1. A letter is taken under a lease, sent, and then deleted. No lock and no transaction is held while SMTP talks. The
   only database connection used is one of its own, apart from the pool.
2. If a replica dies in between, another one sends the letter when the lease is over. A letter that was already sent is
   then sent twice, with the same Message-ID.
3. After a temporary failure a letter is tried again after 30 seconds, 60, 120 and so on up to an hour, until it
   expires. A letter that is refused for good is deleted, and audited.
4. Letters that somebody is waiting for are taken first, and at most ``AT_ONCE`` are sent at the same time. After a
   failure the next ones wait for the next poll, so that a server in trouble is not hammered.
"""

import asyncio
import datetime as dt
import functools
import time
from collections.abc import Callable
from email.message import EmailMessage
from enum import StrEnum
from typing import TypeAlias

import structlog

from auth_service.clients import Client
from auth_service.mail.composing import compose
from auth_service.mail.letters import LetterKind
from auth_service.mail.smtp import Answer, Outcome, SmtpRelay
from auth_service.mail.smtp_url import read_sender
from auth_service.settings import AuthSettings
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.letters import Backlog, Letter, delete_letter, find_backlog, take_letters, update_due
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.own_connection import OwnConnection
from shared.process.background import obey_cancellation
from shared.timing import SENDING_GRACE

POLL = 1.0  # seconds
AT_ONCE = 8  # letters
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=30), dt.timedelta(hours=1)
RECORD_PAUSES = (0, 1, 5, 15)  # seconds before each attempt to record what came of a letter: together, within its lease
LOOK_EVERY = 10.0  # seconds

Compose: TypeAlias = Callable[[Letter], EmailMessage]

log = structlog.get_logger("delivery")


class Fate(StrEnum):
    """What became of a letter that was taken."""

    SENT = "sent"
    REFUSED = "refused"
    RETRIED = "retried"
    EXPIRED = "expired"


def get_pause(tries: int) -> dt.timedelta:
    """Return how long to wait after so many tries."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 10)), LONGEST_PAUSE)


class Delivery:
    """Sends letters by a relay. ``start`` in the lifespan, ``stop`` at its end."""

    def __init__(self, database: Database, relay: SmtpRelay, compose: Compose, metrics: Metrics) -> None:
        self._database = database
        self._own = OwnConnection(database)
        self.relay = relay
        self._compose = compose
        self._sending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self._was_put_off = False
        self._backlog: Backlog | None = None
        self._looked_at = float("-inf")
        self._fates = metrics.register_letters(LetterKind, Fate)
        metrics.watch("gatepost_letters_waiting", "Letters that wait to be sent", self._get_waiting)
        metrics.watch(
            "gatepost_oldest_letter_seconds", "How long the oldest letter that waits has been waiting", self._get_age
        )

    def start(self) -> None:
        """Start, in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop taking letters; those that are being sent have a moment, then they are left to who sends them next."""
        tasks, self._task = [self._task] if self._task else [], None
        for task in tasks:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=SENDING_GRACE)
        await self._own.end(*tasks, *self._sending)

    async def deliver(self) -> None:
        """Send what is due now, and return when that is done."""
        while await self._take() or self._sending:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)

    async def send(self, letter: Letter) -> Answer:
        """Send a letter, whether or not it is in the table, and return what came of it."""
        try:
            message = self._compose(letter)
        except ValueError:
            return Answer(Outcome.REFUSED, "it must not be sent")
        except Exception as error:  # noqa: BLE001 - a fault of ours: this letter waits, others go on
            return Answer(Outcome.MISCONFIGURED, f"not composed: {type(error).__name__}")
        return await self.relay.send(message, letter.address)

    async def look(self) -> None:
        """See what waits, for the metrics and for ``find_remark``."""
        async with self._own.transaction() as connection:
            self._backlog = await find_backlog(connection)
        self._looked_at = time.monotonic()

    def find_remark(self) -> str | None:
        """Return since when letters wait, if it is long, and why: for ``/readyz``."""
        waiting = self._backlog
        if waiting is None or not waiting.is_long:
            return None
        said = waiting.answer or "not tried yet"
        return f"{waiting.letters} wait, the oldest since {waiting.since:%Y-%m-%d %H:%M:%S} UTC: {said}"

    async def _run(self) -> None:
        await self._database.wait_until_ready()
        while True:
            try:
                await self._take()
                if time.monotonic() - self._looked_at >= LOOK_EVERY:
                    await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, delivery goes on
                obey_cancellation(error)
                self._note_failure(error)
            else:
                self._note_success()
            if self._sending:
                await asyncio.wait(self._sending, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(POLL)
            if self._was_put_off:
                self._was_put_off = False
                await asyncio.sleep(POLL)

    async def _take(self) -> bool:
        """Take what is due, as far as there is room, and begin to send it; tell whether there was any."""
        room = AT_ONCE - len(self._sending)
        if not room:
            return False
        async with self._own.transaction() as connection:
            letters = await take_letters(connection, room)
        for letter in letters:
            task = asyncio.create_task(self._deliver(letter))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return bool(letters)

    async def _deliver(self, letter: Letter) -> None:
        answer = None if letter.is_past else await self.send(letter)
        self._was_put_off |= answer is not None and answer.outcome not in {Outcome.SENT, Outcome.REFUSED}
        for pause in RECORD_PAUSES:
            await asyncio.sleep(pause)
            try:
                async with self._own.transaction() as connection:
                    fate = await _record(connection, letter, answer)
            except Exception as error:  # noqa: BLE001 - whatever it is, it may pass while the letter is ours
                obey_cancellation(error)
                self._note_failure(error)
            else:
                return self._tell(letter, fate, answer)
        return None  # the lease ends soon, and then another sends it

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            log.warning("delivery_failed", error=type(error).__name__)
        self._is_failing = True

    def _note_success(self) -> None:
        if self._is_failing:
            log.info("delivery_resumed")
        self._is_failing = False

    def _tell(self, letter: Letter, fate: Fate, answer: Answer | None) -> None:
        self._fates.labels(letter.kind.value, fate.value).inc()
        facts = {"letter": letter.id, "kind": letter.kind.value, "tries": letter.tries}
        if answer is not None:
            facts["answer"] = answer.text
        if fate is Fate.SENT:
            log.info("letter_sent", **facts)
            return
        say = log.error if answer and answer.outcome is Outcome.MISCONFIGURED else log.warning
        say(f"letter_{fate.value}", **facts, domain=letter.address.rpartition("@")[2])

    def _get_waiting(self) -> float:
        return self._backlog.letters if self._backlog else 0

    def _get_age(self) -> float:
        return self._backlog.seconds if self._backlog else 0


def build_delivery(settings: AuthSettings, database: Database, metrics: Metrics) -> Delivery | None:
    """Return the delivery by the server that the settings name; None where they name none."""
    server = settings.read_smtp_server()
    if server is None:
        return None
    sender = read_sender(settings.mail_from)
    letters = functools.partial(
        compose,
        sender=sender,
        site=settings.nextauth_url,
        has_sign_up=settings.sign_up == "open",
        branding=settings.load_branding(),
    )
    return Delivery(database, SmtpRelay(server, sender), letters, metrics)


async def _record(connection: Connection, letter: Letter, answer: Answer | None) -> Fate:
    """Record what came of a letter, in one transaction, and return what becomes of it."""
    if answer is None:
        fate = Fate.EXPIRED
    elif answer.outcome is Outcome.SENT:
        fate = Fate.SENT
    elif answer.outcome is Outcome.REFUSED:
        client = Client(None, "the auth service itself", f"letter-{letter.id}")
        await insert_audit_line(connection, Event.LETTER_REFUSED, client, letter.user_id)
        fate = Fate.REFUSED
    elif await update_due(connection, letter.id, get_pause(letter.tries), answer.text):
        return Fate.RETRIED
    else:
        fate = Fate.EXPIRED
    await delete_letter(connection, letter.id)
    return fate
