"""The commands about the audit: what happened, to whom, and by which operator."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace

from auth_service.operators.arguments import Call, add_user_filter, add_verb, read_addresses, read_event
from auth_service.operators.lookups import get_user_id
from auth_service.parts import Parts
from auth_service.tables.audit import (
    AuditLine,
    Event,
    Wanted,
    count_audit_lines,
    delete_audit_lines,
    get_moment,
    insert_audit_line,
    list_audit_lines,
    list_next_audit_lines,
)
from shared.command_line.arguments import MOST, Verbs, add_limit, add_verbs_below, read_days, read_moment, read_past
from shared.command_line.printing import Stream
from shared.command_line.text_tables import Record
from shared.errors import Invalid
from shared.postgres.housekeeping import BITE

MOST_COUNTED = 1_000_000  # lines
LOOK_EVERY = 1.0  # seconds
LATEST_COMMIT = dt.timedelta(seconds=15)  # a line is dated when its transaction began, which may have taken so long


def add_audit(nouns: Verbs) -> None:
    """Add them to the command line."""
    audit = add_verb(nouns, "audit", "what happened, the newest first", show_audit)
    add_user_filter(audit)
    audit.add_argument("--event", type=read_event, metavar="EVENT", help="only this: sign_in_refused, roles_changed")
    ago = "2026-01-31, 2026-01-31T12:00:00+09:00, or how long ago: 90s, 30m, 2h, 7d"
    audit.add_argument("--since", type=read_past, metavar="TIME", help=f"only from then on: {ago}")
    audit.add_argument("--until", type=read_past, metavar="TIME", help="only from before")
    audit.add_argument(
        "--address", type=read_addresses, metavar="ADDRESS", help="only from this IP address, or network of them"
    )
    audit.add_argument("--follow", action="store_true", help="oldest first, and go on with what happens, until Ctrl-C")
    add_limit(audit)
    pruned = add_verb(add_verbs_below(audit), "prune", "delete old lines, and note that", prune_audit)
    moment = pruned.add_mutually_exclusive_group(required=True)
    moment.add_argument("--before", type=read_moment, metavar="TIME", help="those from before it: 2026-01-31, in UTC")
    moment.add_argument("--older-than", type=read_days, metavar="DAYS", help="those that are older")
    pruned.add_argument("--dry-run", action="store_true", help="only count them")


async def show_audit(parts: Parts, call: Call) -> list[Record] | Stream:
    """Return the latest audit lines that are asked for, newest first, or follow them."""
    if call.follow and call.until is not None:
        raise Invalid({"until": "goes without --follow, which has no end"})
    wanted = Wanted(await get_user_id(parts, call.user), call.event, call.since, call.until, call.address)
    if call.follow:
        return follow(parts, wanted, call.limit)
    async with parts.database.connection() as connection:
        lines = await list_audit_lines(connection, wanted, call.limit)
    return [_describe(line) for line in lines]


async def follow(parts: Parts, wanted: Wanted, limit: int) -> AsyncIterator[Record]:
    """Give the latest lines, the oldest first, and then each line that is written, once, whatever its order."""
    async with parts.database.connection() as connection:
        horizon = await get_moment(connection, LATEST_COMMIT)
        lines = list(reversed(await list_audit_lines(connection, wanted, limit)))
    if len(lines) == limit:
        horizon = max(horizon, lines[0].happened_at)  # those before were not asked for
    given = dict[int, dt.datetime]()
    while True:
        for line in lines:
            yield _describe(line)
        given |= {line.id: line.happened_at for line in lines}
        if len(lines) < MOST:
            await asyncio.sleep(LOOK_EVERY)
        async with parts.database.connection() as connection:
            latest = await get_moment(connection, LATEST_COMMIT)
            since = max(horizon, wanted.since or horizon)
            lines = await list_next_audit_lines(connection, replace(wanted, since=since), list(given), MOST)
        if len(lines) < MOST:
            horizon = max(horizon, latest)
            given = {line_id: at for line_id, at in given.items() if at >= horizon}


async def prune_audit(parts: Parts, call: Call) -> Record:
    """Delete audit lines from before a moment, in small transactions, and record who did; or only count them."""
    async with parts.database.connection() as connection:
        latest = await get_moment(connection, dt.timedelta(days=call.older_than or 0))
    before = min(call.before or latest, latest)  # by the database's clock: never the line that is noted below
    if call.dry_run:
        async with parts.database.connection() as connection:
            lines = await count_audit_lines(connection, before, MOST_COUNTED)
        counted = lines if lines < MOST_COUNTED else f"{MOST_COUNTED} or more"
        return {"before": before, "lines": counted, "state": "would be pruned"}
    async with parts.database.connection() as connection:
        about = f"before {before:%Y-%m-%d %H:%M:%S} UTC"
        await insert_audit_line(connection, Event.AUDIT_PRUNED, call.client, None, about=about)
    lines = 0
    while taken := await _prune(parts, before):
        lines += taken
    return {"before": before, "lines": lines, "state": "pruned"}


async def _prune(parts: Parts, before: dt.datetime) -> int:
    async with parts.database.transaction() as connection:
        return await delete_audit_lines(connection, before, BITE)


def _describe(line: AuditLine) -> Record:
    return {
        "at": line.happened_at,
        "event": line.event,
        "about": line.about,
        "provider": line.provider,
        "user": line.user_id,
        "operator": line.operator,
        "session": line.session_id,
        "address": line.address,
        "agent": line.user_agent,
        "request": line.request_id,
    }
