"""The auth service's housekeeping: old rows go in bites, ended sessions are marked as such, all else is kept."""

import datetime as dt
import types
import uuid
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from auth_service import housekeeping as chores_module
from auth_service.app import create_app
from auth_service.housekeeping import build_chores
from auth_service.sessions.sessions import ENDED_AT_ONCE
from shared.observing.metrics import Metrics
from shared.postgres.housekeeping import BITE, Housekeeping
from tests.service.auth.test_bounds import FILL_SESSIONS, change_password, delete_account
from tests.service.auth.test_internal import service_token
from tests.support.epochs import truncate
from tests.support.people import Person
from tests.support.rows_read import watch_readings
from tests.support.services import auth_settings

MANY = 10 * BITE
FILL = {
    "attempts": "INSERT INTO attempts (key, forget_at) "
    "SELECT sha256(($2::text || i::text)::bytea), now() + $2::text::interval FROM generate_series(1, $1::int) AS i",
    "revocations": "INSERT INTO revocations (session_id, until) SELECT gen_random_uuid(), now() + $2::text::interval "
    "FROM generate_series(1, $1::int)",
    "sessions": "INSERT INTO sessions (user_id, ends_at, idle_ends_at, user_agent) "
    "SELECT 1, now() + $2::text::interval, now() + $2::text::interval, 'A browser' FROM generate_series(1, $1::int)",
    "audit": "INSERT INTO audit (event, user_agent, request_id, happened_at) "
    "SELECT 'signed_in', 'A browser', '1', now() + $2::text::interval FROM generate_series(1, $1::int)",
    "codes": "INSERT INTO codes (purpose, address_mac, code_mac, tries_left, expires_at) "
    "SELECT 'reset', '', '', 5, now() + $2::text::interval FROM generate_series(1, $1::int)",
    "invitations": "INSERT INTO invitations (token_mac, note, uses_left, expires_at) "
    "SELECT sha256(($2::text || i::text)::bytea), '', 1, now() + $2::text::interval "
    "FROM generate_series(1, $1::int) AS i",
    "user_changes": "INSERT INTO user_changes (kind, user_id, happened_at) "
    "SELECT 'deleted', 10 * abs(extract(epoch FROM $2::text::interval))::bigint + i, now() + $2::text::interval "
    "FROM generate_series(1, $1::int) AS i",
    "letters": "INSERT INTO letters (kind, address, language, expires_at) "
    "SELECT 'reset_code', 'ada@example.com', 'en', now() + $2::text::interval FROM generate_series(1, $1::int)",
}
PAST = {
    **dict.fromkeys(("attempts", "revocations", "codes", "invitations"), "-1 second"),
    "sessions": "-91 days",
    "user_changes": "-401 days",
    "audit": "-31 days",
    "letters": "-61 minutes",
}
KEPT = {
    **dict.fromkeys(("attempts", "revocations", "codes", "invitations"), "1 hour"),
    "sessions": "-89 days",
    "user_changes": "-399 days",
    "audit": "-29 days",
    "letters": "-59 minutes",
}


@pytest.fixture
async def housekeeping(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str
) -> AsyncIterator[Housekeeping]:
    """Give the housekeeping of a service that keeps its audit for a month; none runs by itself."""
    del database  # it has been emptied
    await app.state.parts.housekeeping.stop()
    settings = auth_settings(auth_database_url, audit_retention_days=30)
    parts = create_app(settings, Metrics()).state.parts
    await parts.database.start()
    await parts.database.wait_until_ready()
    yield parts.housekeeping
    await parts.housekeeping.stop()
    await parts.database.stop()
    app.state.parts.housekeeping.start()


async def count(database: asyncpg.Connection, table: str) -> int:
    """Return how many rows a table has."""
    found: int = await database.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - one of ours
    return found


@pytest.mark.parametrize("table", FILL)
async def test_what_is_past_goes(database: asyncpg.Connection, housekeeping: Housekeeping, table: str) -> None:
    """Ten bites of rows that no longer matter are all cleared away, and those that still matter are kept.

    Also codes and letters of a time when there was mail: they hold addresses and hashes of passwords.
    """
    await database.execute(FILL[table], MANY, PAST[table])
    await database.execute(FILL[table], 3, KEPT[table])
    await housekeeping.finish()
    assert await count(database, table) == 3


@pytest.mark.parametrize("table", FILL)
async def test_a_bite_is_small(database: asyncpg.Connection, housekeeping: Housekeeping, table: str) -> None:
    """However much there is, one transaction takes one bite of it, and reports that there is more."""
    await database.execute(FILL[table], MANY, PAST[table])
    assert await housekeeping.take_bites()
    assert await count(database, table) == MANY - BITE


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("table", FILL)
async def test_a_bite_is_found_by_index(
    database: asyncpg.Connection, auth_database_url: str, table: str, plan: str
) -> None:
    """Among any number of rows to be kept, a bite reads only those that it takes, and scans no table."""
    chores = build_chores(auth_settings(auth_database_url, audit_retention_days=30))
    await database.execute(FILL[table], MANY, PAST[table])
    await database.execute(FILL[table], 4 * MANY, KEPT[table])
    await database.execute(f"ANALYZE {table}")
    await database.execute(f"SET plan_cache_mode TO {plan}")
    bite, [reading] = await watch_readings(database, lambda: chores[table](database, BITE), table)
    await truncate(database, table)
    await database.execute(f"ANALYZE {table}")
    assert (bite.rows, bite.has_more, reading.scans) == (BITE, True, 0)
    assert reading.rows <= 3 * BITE


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_a_deleted_users_sessions_are_found_by_index(
    database: asyncpg.Connection, auth_database_url: str, plan: str
) -> None:
    """However many of all sessions are a deleted user's, and however old, a bite reads only those that it takes."""
    for user_id, many, age in ((1, MANY, "2 days"), (2, 4 * MANY, "0 days")):
        await database.execute(
            "INSERT INTO sessions "
            "(user_id, created_at, ends_at, idle_ends_at, user_agent, revoked_at, revoked_because) "
            "SELECT $1::bigint, now() - $3::text::interval, now(), now(), '', now(), 'account_deleted' "
            "FROM generate_series(1, $2::int)",
            user_id,
            many,
            age,
        )
    await database.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id) SELECT sha256(id::text::bytea), id FROM sessions"
    )
    await database.execute(
        "INSERT INTO session_cutoffs (user_id, began_by, because) VALUES (1, now(), 'account_deleted')"
    )
    await database.execute("ANALYZE sessions, refresh_tokens")
    await database.execute(f"SET plan_cache_mode TO {plan}")
    chore = build_chores(auth_settings(auth_database_url))["session_cutoffs"]
    tables = ("sessions", "refresh_tokens")
    bite, readings = await watch_readings(database, lambda: chore(database, BITE), *tables)
    await truncate(database, "sessions, session_cutoffs")
    await database.execute("ANALYZE sessions, refresh_tokens")
    assert (bite.rows, [reading.scans for reading in readings]) == (BITE, [0, 0])
    assert sum(reading.rows for reading in readings) <= 5 * BITE


async def test_sessions_are_kept_for_as_long_as_is_set(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """With ``SESSION_RETENTION_DAYS`` 7 a session is deleted a week after its absolute end, and not before."""
    del app
    await database.execute(FILL["sessions"], 2, "-8 days")
    await database.execute(FILL["sessions"], 3, "-6 days")
    parts = create_app(auth_settings(auth_database_url, session_retention_days=7), Metrics()).state.parts
    await parts.housekeeping.finish()
    await parts.housekeeping.stop()
    assert await count(database, "sessions") == 3


async def test_refresh_tokens_go_in_bites_too(database: asyncpg.Connection, housekeeping: Housekeeping) -> None:
    """A session, however often refreshed, goes after its tokens: no cascade deletes them in one statement."""
    await database.execute(FILL["sessions"], 1, PAST["sessions"])
    await database.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id) "
        "SELECT sha256(i::text::bytea), id FROM sessions, generate_series(1, $1::int) AS i",
        MANY,
    )
    await housekeeping.take_bites()
    assert await count(database, "refresh_tokens") == MANY - BITE
    assert await count(database, "sessions") == 1
    await housekeeping.finish()
    assert (await count(database, "refresh_tokens"), await count(database, "sessions")) == (0, 0)


class Ahead(dt.datetime):
    """The clock of a machine that is a year ahead."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "Ahead":
        """Return the time in a year."""
        return super().now(tz) + dt.timedelta(days=365)


async def test_the_databases_clock_says_how_old_the_audit_is(
    database: asyncpg.Connection, housekeeping: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is a year ahead deletes no line that is younger than the retention."""
    clock = types.SimpleNamespace(datetime=Ahead, timedelta=dt.timedelta, UTC=dt.UTC)
    monkeypatch.setattr(chores_module, "dt", clock)
    await database.execute(FILL["audit"], 2, PAST["audit"])
    await database.execute(FILL["audit"], 3, KEPT["audit"])
    await housekeeping.finish()
    assert await count(database, "audit") == 3


async def test_the_audit_is_kept_unless_told_otherwise(app: Starlette, database: asyncpg.Connection) -> None:
    """Without ``AUDIT_RETENTION_DAYS`` no audit line is ever deleted."""
    await database.execute(FILL["audit"], 3, "-3000 days")
    await app.state.parts.housekeeping.finish()
    assert await count(database, "audit") == 3


async def test_rows_in_use_are_left_for_later(
    database: asyncpg.Connection, housekeeping: Housekeeping, auth_database_url: str
) -> None:
    """A locked row does not hold up the others, and goes once it is free."""
    await database.execute(FILL["attempts"], MANY, PAST["attempts"])
    other = await asyncpg.connect(auth_database_url)
    async with other.transaction():
        await other.execute("SELECT FROM attempts ORDER BY forget_at LIMIT 1 FOR UPDATE")
        await housekeeping.finish()
        assert await count(database, "attempts") == 1
    await other.close()
    await housekeeping.finish()
    assert await count(database, "attempts") == 0


async def test_a_failure_is_told_once_and_ends_nothing(
    database: asyncpg.Connection, housekeeping: Housekeeping, auth_database_url: str
) -> None:
    """While one chore fails the others go on; the log says once that it fails, and once that it works again."""
    await database.execute(FILL["attempts"], MANY, PAST["attempts"])
    await database.execute(FILL["revocations"], MANY, PAST["revocations"])
    other = await asyncpg.connect(auth_database_url)
    with capture_logs() as logs:
        async with other.transaction():
            await other.execute("LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE")
            for _ in range(2):
                await housekeeping.take_bites()
        await other.close()
        await housekeeping.finish()
    told = [(line["event"], line["chore"]) for line in logs if "chore" in line]
    assert told == [("housekeeping_failed", "attempts"), ("housekeeping_resumed", "attempts")]
    assert (await count(database, "attempts"), await count(database, "revocations")) == (0, 1)  # the newest stays


async def test_every_session_that_was_ended_is_told_of(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, housekeeping: Housekeeping
) -> None:
    """Of more sessions than a request ends one by one, each is published in the end; the one that is spared is not."""
    await database.execute(FILL_SESSIONS, ada.id, 3 * ENDED_AT_ONCE)
    assert (await change_password(client, ada)).status_code == 204
    await housekeeping.finish()
    live = await database.fetch("SELECT id FROM sessions WHERE revoked_at IS NULL")
    assert [str(row["id"]) for row in live] == [ada.session_id]
    assert await database.fetchval("SELECT count(DISTINCT session_id) FROM revocations") == 3 * ENDED_AT_ONCE
    assert await count(database, "session_cutoffs") == 0


async def test_of_who_is_deleted_no_session_is_left(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, housekeeping: Housekeeping
) -> None:
    """The rows of a deleted user's sessions, which hold addresses, and their refresh tokens go soon, however many."""
    await database.execute(FILL_SESSIONS, ada.id, 3 * ENDED_AT_ONCE)
    await database.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id) SELECT sha256(id::text::bytea), id FROM sessions"
    )
    assert (await delete_account(client, ada)).status_code == 204
    await housekeeping.finish()
    tables = ("users", "sessions", "refresh_tokens", "session_cutoffs")
    assert [await count(database, table) for table in tables] == [0, 0, 0, 0]
    assert await database.fetchval("SELECT count(DISTINCT session_id) FROM revocations") == 3 * ENDED_AT_ONCE + 1


async def test_what_is_over_already_is_not_shown(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, housekeeping: Housekeeping
) -> None:
    """A session ended by a cutoff is in no list, and can't be ended again, before housekeeping comes to its row."""
    del housekeeping  # not now
    await database.execute(FILL_SESSIONS, ada.id, 1)
    other = await database.fetchval("SELECT id FROM sessions WHERE id <> $1", uuid.UUID(ada.session_id))
    await database.execute(
        "INSERT INTO session_cutoffs (user_id, began_by, spared, because) VALUES ($1, now(), $2, 'signed_out')",
        ada.id,
        uuid.UUID(ada.session_id),
    )
    shown = (await client.get("/api/me/sessions", headers=ada.bearer)).json()
    assert [session["id"] for session in shown] == [ada.session_id]
    answer = await client.delete(f"/api/me/sessions/{other}", headers=ada.bearer)
    assert answer.status_code == 404


async def test_the_metrics_show_it(
    database: asyncpg.Connection, housekeeping: Housekeeping, auth_database_url: str
) -> None:
    """Rows are counted by chore."""
    del housekeeping  # not that one
    metrics = Metrics()
    parts = create_app(auth_settings(auth_database_url), metrics).state.parts
    await parts.database.start()
    await parts.database.wait_until_ready()
    await database.execute(FILL["attempts"], 5, PAST["attempts"])
    await parts.housekeeping.finish()
    await parts.housekeeping.stop()
    await parts.database.stop()
    value = metrics.registry.get_sample_value("gatepost_housekeeping_rows_total", {"chore": "attempts"})
    assert value == 5


async def test_old_deletions_are_forgotten(
    client: httpx2.AsyncClient, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """A deletion is forgotten after its days, never the newest change; pages say up to which number that is so."""
    chore = build_chores(auth_settings(auth_database_url, deletion_retention_days=40))["user_changes"]
    insert = (
        "INSERT INTO user_changes (kind, user_id, name, email, happened_at)"
        " VALUES ($1, $2, $3, $3, now() - $4::int * interval '1 day') RETURNING id"
    )
    gone, kept, late, newest = [
        await database.fetchval(insert, *change)
        for change in (
            ("deleted", 1, None, 41),
            ("created", 2, "Ada", 41),
            ("deleted", 3, None, 39),
            ("deleted", 4, None, 41),
        )
    ]
    async with database.transaction():
        assert (await chore(database, BITE)).rows == 1
    left = [row["id"] for row in await database.fetch("SELECT id FROM user_changes ORDER BY id")]
    assert left == [kept, late, newest]
    page = (await client.get("/internal/users/changes", headers=service_token())).json()
    assert ([change["id"] for change in page["changes"]], page["purged"]) == (left, gone)
