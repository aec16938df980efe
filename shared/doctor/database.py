"""What ``doctor`` finds out about a service's database; nothing is changed there."""

from typing import Any

from shared.doctor.findings import Finding, looks_at, ok, problem, unknown, warning
from shared.observing.clocks import Clocks
from shared.observing.metrics import Metrics
from shared.postgres.archiving import ask_archiving
from shared.postgres.database import NOT_THERE, Connection, Database
from shared.postgres.obstacles import DatabaseUnreachable
from shared.postgres.server_clock import ServerClock

SUBJECT = "database"
STANDBY = "standby"
OWN_WORK = 3  # connections that a replica has beside its pool


@looks_at(SUBJECT)
async def examine_database(database: Database, service: str) -> list[Finding]:
    """Return what is to be said about the database of a service."""
    try:
        connection = await database.connect_apart()
    except NOT_THERE as error:
        says = database.start_log.explain(error)
        return [problem(SUBJECT, says), unknown(SUBJECT, "rights, schema, connections and clock: not asked without it")]
    try:
        return [
            await _judge_role(connection, database.start_log.setting),
            await _judge_schema(database, service),
            await _judge_connections(connection, database.pool_size),
            await _judge_clock(database.clock, connection),
            *await _judge_archive(connection),
        ]
    finally:
        await connection.close()


@looks_at(STANDBY)
async def examine_standby(standby: Database, primary: Database) -> list[Finding]:
    """Return what is to be said about the standby at which lists are read."""
    setting = standby.start_log.setting
    try:
        connection = await standby.connect_apart()
    except NOT_THERE as error:
        says = f"{standby.start_log.explain(error)}. Lists are read at the primary meanwhile"
        return [warning(STANDBY, says, "start it, or unset the setting")]
    try:
        found: Any = await connection.fetchrow(
            "SELECT pg_is_in_recovery() AS is_standby, (SELECT count(*) FROM pg_stat_wal_receiver) AS senders,"
            " (SELECT system_identifier FROM pg_control_system()) AS cluster"
        )
    finally:
        await connection.close()
    if not found["is_standby"]:
        says = f"{setting} names a primary: what is written there never reaches it"
        return [problem(STANDBY, says, "name a standby of the posts database, or unset it")]
    if not found["senders"]:
        says = "no primary sends it anything: what is read there gets old"
        return [problem(STANDBY, says, f"start its primary, or correct its primary_conninfo, or unset {setting}")]
    return [await _judge_followed(primary, found["cluster"], setting)]


async def _judge_followed(primary: Database, cluster: int, setting: str) -> Finding:
    """Return whether a standby's cluster is the primary's, and whether the primary waits for it."""
    try:
        connection = await primary.connect_apart()
    except NOT_THERE:
        return unknown(STANDBY, "whether the primary waits for it, and is the one it follows: not asked without it")
    try:
        own, waits_for = await connection.fetchrow(
            "SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('synchronous_standby_names')"
        )
    finally:
        await connection.close()
    if own != cluster:
        says = "it follows another server than the service's primary"
        return problem(STANDBY, says, f"let {setting} name a standby of that primary, or unset it")
    if not waits_for:
        says = "the primary does not wait for it (synchronous_standby_names is empty), so lists are read at the primary"
        return warning(STANDBY, says, f"name the standby there, or unset {setting}")
    return ok(STANDBY, "it follows the primary, which waits for it")


async def _judge_role(connection: Connection, setting: str) -> Finding:
    found: Any = await connection.fetchrow(
        "SELECT current_user AS role, current_database() AS name, pg_is_in_recovery() AS is_standby,"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user LIMIT 1) AS is_superuser,"
        " has_schema_privilege('public', 'CREATE') AS may_create"
    )
    where = f"{setting} leads to {found['name']} as {found['role']}"
    if found["is_standby"]:
        return problem(SUBJECT, f"{where}, at a standby, which takes no writes", "name the primary")
    if not found["may_create"]:
        return problem(SUBJECT, f"{where}, which may not create tables", "make the role the owner of the database")
    if found["is_superuser"]:
        return warning(SUBJECT, f"{where}, a superuser", "give the service a role of its own that owns the database")
    return ok(SUBJECT, f"{where}, with the rights that it needs")


async def _judge_schema(database: Database, service: str) -> Finding:
    try:
        difference = await database.compare_schema()
    except DatabaseUnreachable as error:
        return problem(SUBJECT, f"the schema can't be seen: {error}")
    if difference.lacking:
        says = f"the schema lacks {', '.join(difference.lacking)}"
        return problem(SUBJECT, says, f"python -m {service} migrate, or start the service, which does it too")
    if difference.unknown:
        says = f"a newer release has migrated it: {', '.join(difference.unknown)}"
        return warning(SUBJECT, says, "run that release everywhere")
    return ok(SUBJECT, "the schema is the one of this release")


async def _judge_connections(connection: Connection, pool_size: int) -> Finding:
    most, kept, used = await connection.fetchrow(
        "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,"
        " (SELECT sum(numbackends)::int FROM pg_stat_database)"  # pg_stat_activity hides those of other roles
    )
    needed = pool_size + OWN_WORK
    replicas = (most - kept) // needed
    says = f"{used} of {most - kept} connections are in use; each replica takes up to {needed} (POOL_SIZE={pool_size})"
    if replicas < 2:  # noqa: PLR2004 - the old one and the new one, while they change places
        return problem(SUBJECT, f"{says}, which is room for {replicas}", "raise max_connections, or lower POOL_SIZE")
    return ok(SUBJECT, f"{says}: room for {replicas} replicas of all services on this server")


async def _judge_clock(clock: ServerClock, connection: Connection) -> Finding:
    clocks = Clocks(Metrics())
    clock.compare_with(clocks, SUBJECT)
    await clock.ask(connection)
    remark = clocks.find_remark()
    return ok(SUBJECT, "its clock agrees with ours") if remark is None else problem(SUBJECT, remark)


async def _judge_archive(connection: Connection) -> list[Finding]:
    """Return what is to be said about the archive of PostgreSQL's log; nothing where there is none."""
    archiving = await ask_archiving(connection)
    if archiving is None:
        return [unknown("archive", "the role may not read pg_stat_archiver")]
    if not archiving.is_on:
        return []
    if archiving.has_failed:
        says = f"PostgreSQL could not archive its log at {archiving.failed_at:%Y-%m-%d %H:%M:%S} UTC; it is in pg_wal"
        what = "its log says why: is the folder there, does it belong to user 999, has it room? Never delete in pg_wal"
        return [problem("archive", says, what)]
    if archiving.is_hanging:
        since = f"{archiving.archived_at:%Y-%m-%d %H:%M:%S} UTC"
        says = f"PostgreSQL has archived nothing since {since}, and {archiving.waiting} segments wait in pg_wal"
        return [problem("archive", says, "see what archive_command waits for, or whether it is empty")]
    if archiving.archived_at is None:
        return [unknown("archive", "PostgreSQL has archived nothing yet: look again once archive_timeout has passed")]
    return [ok("archive", f"PostgreSQL archives its log, last at {archiving.archived_at:%Y-%m-%d %H:%M:%S} UTC")]
