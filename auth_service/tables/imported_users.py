"""Users of another system, stored with the change that followers read and an audit line each: one SQL statement."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from auth_service.clients import Client
from auth_service.mail.addresses import email_key
from auth_service.tables.audit import Event
from auth_service.tables.user_changes import TURN, ChangeKind
from shared.postgres.database import Connection
from shared.postgres.epochs import DataMoved


@dataclass(frozen=True, slots=True)
class ImportedUser:
    """Somebody as another system knew them; None where it did not say, or they have no password."""

    name: str
    email: str
    password_hash: str | None = field(repr=False)
    email_verified_at: dt.datetime | None
    created_at: dt.datetime | None
    roles: Sequence[str] = ()


async def insert_imported_users(connection: Connection, users: Sequence[ImportedUser], client: Client) -> int:
    """Store new users in their order, and return how many; one whose address is taken is left as it is.

    DataMoved when no ids can be given out. As ``insert_user_change`` does, it takes the lock that makes numbers of
    changes follow the order of commits: the transaction is to end with it.
    """
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('users') AS is_right
        ), new AS (
            INSERT INTO users (name, email, email_key, password_hash, email_verified_at, roles, created_at, updated_at)
            SELECT name, email, key, hash, verified_at, string_to_array(roles, ','), coalesce(created, now()), now()
            FROM place, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
                $7::timestamptz[]) WITH ORDINALITY
                AS given (name, email, key, hash, verified_at, roles, created, number)
            WHERE is_right ORDER BY number
            ON CONFLICT (email_key) DO NOTHING
            RETURNING id, name, email
        ), change AS (
            INSERT INTO user_changes (kind, user_id, name, email)
            SELECT $8, id, name, email FROM (SELECT pg_advisory_xact_lock($9)) AS in_turn, new ORDER BY id
        ), line AS (
            INSERT INTO audit (event, user_id, address, user_agent, request_id, operator)
            SELECT $10, id, $11, $12, $13, $14 FROM new ORDER BY id
        )
        SELECT is_right, (SELECT count(*) FROM new) AS stored FROM place
        """,
        [user.name for user in users],
        [user.email for user in users],
        [email_key(user.email) for user in users],
        [user.password_hash for user in users],
        [user.email_verified_at for user in users],
        [",".join(user.roles) for user in users],
        [user.created_at for user in users],
        ChangeKind.CREATED.value,
        TURN,
        Event.USER_IMPORTED.value,
        client.address,
        client.user_agent,
        client.request_id,
        client.operator,
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    stored: int = row["stored"]
    return stored
