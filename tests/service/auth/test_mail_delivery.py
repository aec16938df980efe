"""Delivery: what becomes of letters that wait, with real servers for mail of every temper."""

import asyncio
import datetime as dt
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from structlog.testing import capture_logs

from auth_service.app import create_app
from auth_service.mail import delivery as delivery_module
from auth_service.mail import smtp
from auth_service.mail.delivery import AT_ONCE, Delivery, Fate
from auth_service.mail.letters import LetterKind
from auth_service.tables.letters import NewLetter, insert_letter, take_letters
from shared.observing.metrics import Metrics
from shared.timing import COMMAND_TIMEOUT
from tests.support.epochs import truncate
from tests.support.letters import WITH_MAIL
from tests.support.log_lines import find_secrets, lines_of
from tests.support.ports import find_free_port
from tests.support.relays import compose_plainly, relay_to
from tests.support.rows_read import watch_readings
from tests.support.services import auth_settings, client_of, running
from tests.support.smtp_server import Inbox, silent_server, smtp_server
from tests.support.waiting import wait_until

TO = "ada@example.com"
CODE = NewLetter(LetterKind.RESET_CODE, TO, "en", dt.timedelta(minutes=10), 7, {"name": "Ada", "code": "7K3F9QXM"})
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'letters'::regclass"
NOTICE = NewLetter(LetterKind.PASSWORD_CHANGED, TO, "en", dt.timedelta(days=2), 7, {"name": "Ada"})


class Desk:
    """Deliveries on the service's database, and what they counted."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.deliveries: list[Delivery] = []
        self.registry = CollectorRegistry()

    def open(self, port: int) -> Delivery:
        """Return another replica's delivery, to a server on the loopback; nothing runs by itself."""
        metrics = Metrics()
        self.registry = metrics.registry
        self.deliveries.append(Delivery(self._app.state.parts.database, relay_to(port), compose_plainly, metrics))
        return self.deliveries[-1]

    def count(self, outcome: str, kind: LetterKind = LetterKind.RESET_CODE) -> float | None:
        """Return how many letters the last one counted."""
        labels = {"kind": kind.value, "outcome": outcome}
        return self.registry.get_sample_value("gatepost_letters_total", labels)


@pytest.fixture
async def desk(app: Starlette) -> AsyncIterator[Desk]:
    """Give a place to open deliveries, which end with the test."""
    desk = Desk(app)
    yield desk
    for delivery in desk.deliveries:
        await delivery.stop()


@pytest.fixture
def inbox() -> Inbox:
    """Give an empty inbox."""
    return Inbox()


async def count_letters(database: asyncpg.Connection) -> int:
    """Return how many letters wait."""
    letters: int = await database.fetchval("SELECT count(*) FROM letters")
    return letters


async def get_pause(database: asyncpg.Connection) -> float:
    """Return for how many seconds the one letter that waits is not due yet."""
    pause: float = await database.fetchval("SELECT extract(epoch FROM due_at - now())::float8 FROM letters")
    return pause


async def pass_time(database: asyncpg.Connection, seconds: float) -> None:
    """Let everything that is dated in the letters be that much longer ago."""
    await database.execute(
        "UPDATE letters SET due_at = due_at - $1::interval, expires_at = expires_at - $1::interval, "
        "created_at = created_at - $1::interval",
        dt.timedelta(seconds=seconds),
    )


async def test_a_letter_is_sent_once_and_gone(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """A letter that waits is sent to its address, counted, told in the log without what is secret, and deleted."""
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        with capture_logs() as logs:
            delivery = desk.open(port)
            await delivery.deliver()
            await delivery.deliver()
    assert inbox.recipients == [TO]
    assert "7K3F9QXM" in inbox.letters[0].get_content()
    assert await count_letters(database) == 0
    assert desk.count("sent") == 1
    [line] = lines_of(logs, "letter_")
    assert (line["event"], line["kind"], line["tries"]) == ("letter_sent", "reset_code", 1)
    assert "7K3F9QXM" not in str(logs)
    assert find_secrets(str(logs)) == []


async def test_every_count_begins_at_zero(desk: Desk) -> None:
    """Each kind and outcome has its count from the start: else the first of each would be no rise for an alert."""
    desk.open(port=1)
    assert {desk.count(fate, kind) for fate in Fate for kind in LetterKind} == {0}


async def test_a_letter_comes_after_its_commit(
    desk: Desk, database: asyncpg.Connection, auth_database_url: str, inbox: Inbox
) -> None:
    """A letter whose transaction has not ended is not sent; one whose transaction fails never."""
    del database  # it has been emptied
    other = await asyncpg.connect(auth_database_url)
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        transaction = other.transaction()
        await transaction.start()
        await insert_letter(other, CODE)
        await delivery.deliver()
        assert inbox.letters == []
        await transaction.rollback()
        await delivery.deliver()
        async with other.transaction():
            await insert_letter(other, CODE)
        await delivery.deliver()
    await other.close()
    assert len(inbox.letters) == 1


async def test_it_comes_within_seconds(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """The task of a running service finds a letter by itself."""
    arrived = asyncio.Event()
    inbox.on_letter = arrived.set
    async with smtp_server(inbox) as port:
        desk.open(port).start()
        await insert_letter(database, CODE)
        async with asyncio.timeout(10):
            await arrived.wait()
            await wait_until(lambda: count_letters(database), lambda letters: letters == 0)


async def test_greylisting(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """A letter that is to come again later does, after 30 seconds and after 60, and then arrives, once."""
    inbox.replies += ["451 4.7.1 Greylisted", "451 4.7.1 Greylisted", "250 OK"]
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        for pause in (30, 60):
            await delivery.deliver()
            await delivery.deliver()
            assert pause / 2 < await get_pause(database) <= pause
            await pass_time(database, pause)
        assert inbox.letters == []
        await delivery.deliver()
    assert inbox.recipients == [TO]
    assert (desk.count("retried"), desk.count("sent")) == (2, 1)
    assert await count_letters(database) == 0


async def test_a_refused_letter_is_audited(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """A letter that is refused for good is tried once; the audit has a line, and the log says why, and not to whom."""
    inbox.replies += ["550 5.1.1 <ada@example.com>: ada is unknown here"]
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        with capture_logs() as logs:
            await desk.open(port).deliver()
    assert (await count_letters(database), inbox.letters, desk.count("refused")) == (0, [], 1)
    [audited] = await database.fetch("SELECT event, user_id FROM audit")
    assert (audited["event"], audited["user_id"]) == ("letter_refused", 7)
    [line] = lines_of(logs, "letter_")
    assert (line["event"], line["domain"]) == ("letter_refused", "example.com")
    assert line["answer"] == "550 5.1.1 … … is unknown here"
    assert "ada" not in str(logs)


async def test_a_fault_of_the_set_up_costs_no_letter(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """While a server wants a password that we don't have, letters wait, and the log has errors."""
    await insert_letter(database, CODE)
    inbox.replies += ["530 5.7.0 Authentication required", "250 OK"]
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        with capture_logs() as logs:
            await delivery.deliver()
        [line] = lines_of(logs, "letter_")
        assert (line["event"], line["log_level"]) == ("letter_retried", "error")
        await pass_time(database, 30)
        await delivery.deliver()
    assert inbox.recipients == [TO]


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "dead"])
async def test_no_letter_is_lost_on_a_server_that_is_not_there(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, *, is_silent: bool
) -> None:
    """Letters that a dead or silent server does not take wait, and arrive when it is back."""
    for new in (CODE, NOTICE):
        await insert_letter(database, new)
    async with silent_server() as silent:
        with monkeypatch.context() as patch:
            patch.setattr(smtp, "CONNECT_TIMEOUT", 0.2)
            await desk.open(silent if is_silent else find_free_port()).deliver()
    assert (desk.count("retried"), desk.count("retried", NOTICE.kind)) == (1, 1)
    await pass_time(database, 30)
    async with smtp_server(inbox) as port:
        await desk.open(port).deliver()
    assert len(inbox.letters) == 2
    assert await count_letters(database) == 0


async def test_an_expired_letter_goes_unsent(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """A letter that nobody came to send while it was of use is not sent any more; the log says that it is gone."""
    await insert_letter(database, CODE)
    await pass_time(database, 601)
    async with smtp_server(inbox) as port:
        with capture_logs() as logs:
            await desk.open(port).deliver()
    assert (inbox.senders, desk.count("expired")) == ([], 1)
    assert await count_letters(database) == 0
    assert [line["event"] for line in lines_of(logs, "letter_")] == ["letter_expired"]


async def test_a_letter_is_tried_for_as_long_as_it_is_of_use(desk: Desk, database: asyncpg.Connection) -> None:
    """A code of ten minutes is tried after 30, 60, 120 and 240 seconds, and then it is gone; a notice is tried on."""
    await insert_letter(database, CODE)
    delivery = desk.open(find_free_port())
    for pause in (30, 60, 120, 240):
        await delivery.deliver()
        assert pause / 2 < await get_pause(database) <= pause
        await pass_time(database, pause)
    await delivery.deliver()
    assert (await count_letters(database), desk.count("expired")) == (0, 1)

    await insert_letter(database, NOTICE)
    for pause in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        await delivery.deliver()
        assert pause / 2 < await get_pause(database) <= pause
        await pass_time(database, pause)


async def test_codes_come_before_notices(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that is due, what somebody waits for is sent first, however many notices are older."""
    monkeypatch.setattr(delivery_module, "AT_ONCE", 2)
    for new in [NOTICE] * 5 + [CODE] * 2:
        await insert_letter(database, new)
    async with smtp_server(inbox) as port:
        await desk.open(port).deliver()
    codes = [CODE.kind.value in letter["Subject"] for letter in inbox.letters]
    assert codes == [True, True] + [False] * 5


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_few_are_looked_at(database: asyncpg.Connection, plan: str) -> None:
    """However many letters wait, due or not, taking some reads only those, and scans no table."""
    await database.execute(
        "INSERT INTO letters (kind, address, language, can_wait, due_at, expires_at) "
        "SELECT 'password_changed', $1, 'en', true, now() + i * interval '1 second', now() + interval '2 days' "
        "FROM generate_series(-10000, 10000) AS i",
        TO,
    )
    await insert_letter(database, CODE)
    await database.execute("ANALYZE letters")
    await database.execute(f"SET plan_cache_mode TO {plan}")
    letters, [reading] = await watch_readings(database, lambda: take_letters(database, AT_ONCE), "letters")
    await truncate(database, "letters")
    await database.execute("ANALYZE letters")
    assert (len(letters), reading.scans) == (AT_ONCE, 0)
    assert CODE.kind in {letter.kind for letter in letters}
    assert reading.rows <= 3 * AT_ONCE


async def test_few_are_sent_at_once(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """However many letters wait, the server is asked to take a few at a time, and in the end it has all of them."""
    now = most = 0

    class Counting(Inbox):
        async def handle_MAIL(self, *arguments: object) -> str:  # noqa: N802
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            return await super().handle_MAIL(*arguments)  # type: ignore[arg-type]

        async def handle_DATA(self, *arguments: object) -> str:  # noqa: N802
            nonlocal now
            await asyncio.sleep(0.01)
            now -= 1
            return await super().handle_DATA(*arguments)  # type: ignore[arg-type]

    counting = Counting()
    for _ in range(4 * AT_ONCE):
        await insert_letter(database, NOTICE)
    async with smtp_server(counting) as port:
        await desk.open(port).deliver()
    assert len(counting.letters) == 4 * AT_ONCE
    assert most == AT_ONCE
    assert inbox.letters == []


async def test_a_server_that_is_not_there_is_not_pressed(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While letters are not taken, the next ones are tried after a pause; while they are, without."""
    monkeypatch.setattr(delivery_module, "POLL", 3600.0)
    for _ in range(4 * AT_ONCE):
        await insert_letter(database, NOTICE)
    delivery = desk.open(find_free_port())
    delivery.start()
    answered = "SELECT count(answer) FROM letters"
    await wait_until(lambda: database.fetchval(answered), lambda letters: letters >= AT_ONCE)
    await asyncio.sleep(0.1)  # in which it could go on
    assert await database.fetchval(answered) == AT_ONCE
    await delivery.stop()
    await pass_time(database, 30)
    async with smtp_server(inbox) as port:
        desk.open(port).start()
        await wait_until(lambda: count_letters(database), lambda letters: letters == 0)
    assert len(inbox.letters) == 4 * AT_ONCE


async def test_replicas_send_each_letter_once(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """However many replicas deliver at the same moment, each letter arrives once."""
    for number in range(60):
        await insert_letter(database, NewLetter(NOTICE.kind, f"user{number}@example.com", "en", NOTICE.lifetime))
    async with smtp_server(inbox) as port:
        await asyncio.gather(*(desk.open(port).deliver() for _ in range(3)))
    assert sorted(inbox.recipients) == sorted(f"user{number}@example.com" for number in range(60))


def kill(delivery: Delivery) -> None:
    """End a delivery as the end of its process would: without a word, in the middle of all that it does."""
    for task in (delivery._task, *delivery._sending):  # noqa: SLF001 - nobody is asked
        assert task is not None
        task.cancel()
    delivery._task = None  # noqa: SLF001 - it must not be waited for


async def test_killed_before_sending(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that was taken by who then died is sent by another when the lease is over, and not before; once."""
    is_asked = asyncio.Event()

    async def hang(*_: object) -> str:
        is_asked.set()
        await asyncio.Event().wait()
        return ""

    await insert_letter(database, CODE)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "handle_RCPT", hang)
        async with smtp_server(inbox) as port:
            killed = desk.open(port)
            killed.start()
            await asyncio.wait_for(is_asked.wait(), 20)
            kill(killed)
    async with smtp_server(inbox) as port:
        other = desk.open(port)
        await other.deliver()
        assert inbox.letters == []
        await pass_time(database, 60)
        await other.deliver()
        await other.deliver()
    assert inbox.recipients == [TO]


async def test_killed_after_sending(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """A letter that was sent by who died before noting so is sent again, recognisable by its Message-ID."""
    has_died = asyncio.Event()
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        killed = desk.open(port)

        def die() -> None:
            kill(killed)
            has_died.set()

        inbox.on_letter = die
        killed.start()
        await has_died.wait()
        inbox.on_letter = lambda: None
        assert await count_letters(database) == 1
        await pass_time(database, 60)
        await desk.open(port).deliver()
    assert [letter["Message-ID"] for letter in inbox.letters] == ["<1@gatepost.example>"] * 2
    assert await count_letters(database) == 0


def hold_up(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Let the server hold up each conversation; return what tells that one has begun, and what lets them go on."""
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    handle = Inbox.handle_RCPT

    async def slow(*arguments: object) -> str:
        begun.set()
        await may_go_on.wait()
        return await handle(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Inbox, "handle_RCPT", slow)
    return begun, may_go_on


async def test_stopping_lets_what_is_being_sent_be_sent(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that ends sends what it has begun to send, and begins nothing else."""
    begun, may_go_on = hold_up(monkeypatch)
    monkeypatch.setattr(delivery_module, "SENDING_GRACE", 30.0)
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        delivery.start()
        await begun.wait()
        await insert_letter(database, NOTICE)
        stopping = asyncio.create_task(delivery.stop())
        may_go_on.set()
        await stopping
    assert len(inbox.letters) == 1
    assert await database.fetchval("SELECT array_agg(kind) FROM letters") == [NOTICE.kind.value]


async def test_stopping_takes_a_moment(desk: Desk, database: asyncpg.Connection) -> None:
    """A server that says nothing does not keep a service from ending; the letter waits for the next one."""
    for _ in range(AT_ONCE):
        await insert_letter(database, CODE)
    async with silent_server() as port:
        delivery = desk.open(port)
        delivery.start()
        await wait_until(lambda: database.fetchval("SELECT sum(tries) FROM letters"), lambda tries: tries == AT_ONCE)
        began = time.monotonic()
        await delivery.stop()
    assert time.monotonic() - began < smtp.WHOLE_TIMEOUT / 2
    assert await count_letters(database) == AT_ONCE


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_database_that_hangs_holds_up_no_stop(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, *, is_sent: bool
) -> None:
    """Told to stop while the database answers nothing, it gives up its connection, whatever it was doing with it."""
    begun, may_go_on = hold_up(monkeypatch)
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        if is_sent:
            await insert_letter(database, CODE)
            delivery.start()
            await begun.wait()
        async with database.transaction():
            await database.execute("LOCK TABLE letters IN SHARE MODE")
            if not is_sent:
                delivery.start()
            may_go_on.set()
            pid = await wait_until(lambda: database.fetchval(WAITING), lambda pid: pid is not None)
            os.kill(pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(COMMAND_TIMEOUT):  # what the end of a process leaves for all that is stopped
                    await delivery.stop()
            finally:
                os.kill(pid, signal.SIGCONT)
    assert await count_letters(database) == is_sent


async def test_no_connection_of_the_pool_is_taken(app: Starlette, desk: Desk, database: asyncpg.Connection) -> None:
    """While a silent server keeps all letters waiting, none of the connections that requests need is in use."""
    for _ in range(AT_ONCE):
        await insert_letter(database, CODE)
    async with silent_server() as port:
        delivery = desk.open(port)
        delivery.start()
        await wait_until(lambda: database.fetchval("SELECT sum(tries) FROM letters"), lambda tries: tries == AT_ONCE)

        async def count_held() -> int:
            held: int = await database.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'")
            return held + app.state.parts.database.count_borrowed()

        await wait_until(count_held, lambda held: held == 0)  # for others, too, use the database now and then
        assert await database.fetchval("SELECT count(answer) FROM letters") == 0
        await delivery.stop()


async def test_a_lost_database_ends_nothing(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """Delivery outlives its connection to the database, even one that is lost between sending and noting so."""
    is_lost = asyncio.Event()
    inbox.on_letter = is_lost.set
    losing = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'auth_service' AND query LIKE '%letters%' AND pid <> pg_backend_pid()"
    )
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        desk.open(port).start()
        await is_lost.wait()
        await database.execute(losing)
        await wait_until(lambda: count_letters(database), lambda letters: letters == 0)
    assert len(inbox.letters) == 1


async def test_a_letter_that_cant_be_composed_holds_up_no_other(
    app: Starlette, desk: Desk, database: asyncpg.Connection, inbox: Inbox
) -> None:
    """A fault of ours in one letter keeps no other from being sent, and it is tried again."""

    def compose(letter: object) -> object:
        if getattr(letter, "kind", None) is CODE.kind:
            raise KeyError("7K3F9QXM")
        return compose_plainly(letter)  # type: ignore[arg-type]

    for new in (CODE, NOTICE):
        await insert_letter(database, new)
    async with smtp_server(inbox) as port:
        delivery = Delivery(app.state.parts.database, relay_to(port), compose, Metrics())  # type: ignore[arg-type]
        desk.deliveries.append(delivery)
        with capture_logs() as logs:
            await delivery.deliver()
    assert len(inbox.letters) == 1
    assert await database.fetchval("SELECT answer FROM letters") == "not composed: KeyError"
    assert "7K3F9QXM" not in str(logs)


async def test_letters_of_a_newer_release_are_left_to_it(
    desk: Desk, database: asyncpg.Connection, inbox: Inbox
) -> None:
    """While replicas are updated one by one, an older one leaves kinds that it does not know."""
    await database.execute(
        "INSERT INTO letters (kind, address, language, expires_at) VALUES ('of_tomorrow', $1, 'en', now() + '1 hour')",
        TO,
    )
    await insert_letter(database, NOTICE)
    async with smtp_server(inbox) as port:
        await desk.open(port).deliver()
    assert len(inbox.letters) == 1
    assert await count_letters(database) == 1


async def test_the_running_service_delivers(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str, inbox: Inbox
) -> None:
    """A service that is told of a server sends its letters there, as they are composed; none without."""
    assert app.state.parts.delivery is None
    await insert_letter(database, CODE)
    async with smtp_server(inbox) as port:
        settings = auth_settings(auth_database_url, **WITH_MAIL | {"smtp_url": f"smtp://localhost:{port}?tls=none"})
        async with running(create_app(settings, Metrics())):
            await wait_until(lambda: count_letters(database), lambda letters: letters == 0)
    [letter] = inbox.letters
    assert letter["From"] == WITH_MAIL["mail_from"]
    plain = letter.get_body(["plain"])
    assert plain is not None
    assert "7K3F-9QXM" in plain.get_content()


async def test_the_service_stays_ready(mail_app: Starlette, database: asyncpg.Connection) -> None:
    """Letters that can't be sent keep nobody from signing in: ``/readyz`` remarks on them, and stays 200."""
    await insert_letter(database, NOTICE)
    await pass_time(database, 61)
    await mail_app.state.parts.delivery.look()
    async with client_of(mail_app) as client:
        answer = await client.get("/readyz")
    await database.execute("DELETE FROM letters")
    await mail_app.state.parts.delivery.look()
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert re.fullmatch(r"1 wait, the oldest since [-\d]+ [:\d]+ UTC: not tried yet", answer.json()["remarks"]["mail"])
    async with client_of(mail_app) as client:
        assert "mail" not in (await client.get("/readyz")).json().get("remarks", {})


async def test_what_is_left_behind_goes(mail_app: Starlette, database: asyncpg.Connection) -> None:
    """A letter of a kind that no replica knows any more goes an hour after it was of use, and not before."""
    await database.execute(
        "INSERT INTO letters (kind, address, language, expires_at) "
        "SELECT 'of_yesterday', $1, 'en', now() - age * interval '1 minute' FROM unnest(ARRAY[-5, 55, 65]) AS age",
        TO,
    )
    await mail_app.state.parts.housekeeping.finish()
    assert await count_letters(database) == 2


async def test_what_waits_is_shown(desk: Desk, database: asyncpg.Connection, inbox: Inbox) -> None:
    """Letters that wait are counted, and remarked on after a minute, with when that began and what the server said."""
    inbox.replies += ["451 4.7.1 Greylisted for ada@example.com"] * 2
    delivery = desk.open(0)

    async def show() -> tuple[float | None, float | None, str | None]:
        await delivery.look()
        find: Callable[[str], float | None] = desk.registry.get_sample_value
        return find("gatepost_letters_waiting"), find("gatepost_oldest_letter_seconds"), delivery.find_remark()

    assert await show() == (0, 0, None)
    for new in (CODE, NOTICE):
        await insert_letter(database, new)
    async with smtp_server(inbox) as port:
        delivery = desk.open(port)
        await delivery.deliver()
        waiting, age, remark = await show()
        assert (waiting, remark) == (2, None)
        assert age is not None
        assert age < 30
        await pass_time(database, 61)
        since = await database.fetchval("SELECT to_char(min(created_at), 'YYYY-MM-DD HH24:MI:SS') FROM letters")
        waiting, age, remark = await show()
        assert remark == f"2 wait, the oldest since {since} UTC: 451 4.7.1 Greylisted for …"
        assert age is not None
        assert age > 60
        await delivery.deliver()
        assert await show() == (0, 0, None)
