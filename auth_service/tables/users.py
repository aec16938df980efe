"""The table ``users``: who signed up. Each function is one SQL statement.

The password hash leaves this module only as part of ``Credentials``, for signing in; a ``User`` can be shown.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from auth_service.mail.addresses import email_key, list_keys
from shared.postgres.database import Connection, Row
from shared.postgres.epochs import DataMoved


@dataclass(frozen=True, slots=True)
class User:
    """One user, without what has to stay secret; a disabled one can't sign in.

    ``email_verified_at`` is when they proved that they read what is sent to their address.
    """

    id: int
    name: str
    email: str
    created_at: dt.datetime
    updated_at: dt.datetime
    roles: tuple[str, ...] = ()
    disabled_at: dt.datetime | None = None
    email_verified_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user, the hash that their password must match (None: they have no password), and since when that is so."""

    user: User
    password_hash: str | None = field(repr=False)
    password_set_at: dt.datetime


async def insert_user(connection: Connection, name: str, email: str, password_hash: str | None) -> User | None:
    """Store a new user and return it; None when the e-mail address is taken, DataMoved when no id can be given out."""
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('users') AS is_right
        ), new AS (
            INSERT INTO users (name, email, email_key, password_hash)
            SELECT $1::text, $2::text, $3::text, $4::text FROM place WHERE is_right
                AND NOT EXISTS (SELECT FROM users WHERE email_key = ANY((SELECT $5::text[])::text[]))
            ON CONFLICT (email_key) DO NOTHING
            RETURNING id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
        )
        SELECT is_right, id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
        FROM place LEFT JOIN new ON true
        """,
        name,
        email,
        email_key(email),
        password_hash,
        list_keys(email),
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    return read_user(row) if row["id"] is not None else None


async def get_highest_user_id(connection: Connection) -> int:
    """Return the highest id ever given to a user, as far as the database knows; 0 before the first."""
    highest: int = await connection.fetchval(
        "SELECT greatest((SELECT max(id) FROM users), pg_sequence_last_value('users_id_seq'), 0)"
    )
    return highest


async def get_newest_user_id(connection: Connection) -> int:
    """Return the highest id of a user; 0 when there are none."""
    newest: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM users")
    return newest


async def find_user(connection: Connection, user_id: int) -> User | None:
    """Return the user with that id, or None."""
    row = await connection.fetchrow(
        """
        SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at FROM users WHERE id = $1
        """,
        user_id,
    )
    return read_user(row) if row else None


async def list_users_after(connection: Connection, user_id: int, limit: int) -> list[User]:
    """Return the users after an id, in the order of ids."""
    rows = await connection.fetch(
        """
        SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at FROM users
        WHERE id > $1 ORDER BY id LIMIT $2
        """,
        user_id,
        limit,
    )
    return [read_user(row) for row in rows]


async def find_credentials(connection: Connection, email: str) -> Credentials | None:
    """Return the user with an e-mail address, however it is spelled, and the password hash; or None."""
    row = await connection.fetchrow(
        """
        SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at, password_hash,
            password_set_at
        FROM users, unnest((SELECT $1::text[])) WITH ORDINALITY AS wanted (key, preference) WHERE email_key = key
        ORDER BY preference LIMIT 1
        """,
        list_keys(email),
    )
    return Credentials(read_user(row), row["password_hash"], row["password_set_at"]) if row else None


async def list_taken_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return which of some keys of e-mail addresses are users'; each is one user's at most."""
    rows = await connection.fetch("SELECT email_key FROM users WHERE email_key = ANY($1::text[])", keys)
    return {row["email_key"] for row in rows}


async def has_other_hashes(connection: Connection) -> bool:
    """Tell whether any password is not hashed as we do today, and so takes another time to verify."""
    found: str | None = await connection.fetchval(
        # Only the index has this order: the planner would else read the table when it expects to find one soon.
        """
        SELECT left(password_hash, 8) FROM users WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'
        ORDER BY left(password_hash, 8) LIMIT 1
        """
    )
    return found is not None


async def update_password(connection: Connection, found: Credentials, password_hash: str) -> bool:
    """Set a new password, unless it was changed meanwhile; tell whether it was set."""
    done: str = await connection.execute(
        """
        UPDATE users SET password_hash = $3, password_set_at = clock_timestamp(), updated_at = now()
        WHERE id = $1 AND password_set_at = $2
        """,
        found.user.id,
        found.password_set_at,
        password_hash,
    )
    return done == "UPDATE 1"


async def update_proven(connection: Connection, user_id: int) -> bool:
    """Note that a user reads what is sent to their address; tell whether that was not known before."""
    done: str = await connection.execute(
        "UPDATE users SET email_verified_at = now(), updated_at = now() WHERE id = $1 AND email_verified_at IS NULL",
        user_id,
    )
    return done == "UPDATE 1"


async def update_password_void(connection: Connection, user_id: int) -> None:
    """Take a user's password away: nobody signs in by it any more."""
    await connection.execute(
        """
        UPDATE users SET password_hash = NULL, password_set_at = clock_timestamp(), updated_at = now() WHERE id = $1
        """,
        user_id,
    )


async def update_password_hash(connection: Connection, user_id: int, old: str, new: str) -> None:
    """Replace a password hash with another of the same password, unless the password was changed meanwhile."""
    await connection.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        user_id,
        old,
        new,
    )


async def update_password_anew(connection: Connection, user_id: int, password_hash: str) -> None:
    """Set the password of a user who forgot theirs, whatever it was."""
    await connection.execute(
        """
        UPDATE users SET password_hash = $2, password_set_at = clock_timestamp(), updated_at = now() WHERE id = $1
        """,
        user_id,
        password_hash,
    )


async def update_name(connection: Connection, user_id: int, name: str) -> User | None:
    """Rename a user and return them; None when no user has that id."""
    row = await connection.fetchrow(
        """
        UPDATE users SET name = $2, updated_at = now() WHERE id = $1
        RETURNING id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
        """,
        user_id,
        name,
    )
    return read_user(row) if row else None


async def update_email(connection: Connection, user_id: int, email: str, *, is_proven: bool = True) -> User | None:
    """Give a user another address, which they have just proved or not, and return them; None when it is taken.

    Where it was taken a moment ago, by a transaction that was not over when this one looked, this one has failed, and
    can only be rolled back.
    """
    try:
        row = await connection.fetchrow(
            """
            UPDATE users SET email = $2, email_key = $3, updated_at = now(),
                email_verified_at = CASE WHEN $5 THEN now() END
            WHERE id = $1 AND NOT EXISTS (
                SELECT FROM users AS other WHERE email_key = ANY((SELECT $4::text[])::text[]) AND other.id <> $1 LIMIT 1
            )
            RETURNING id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
            """,
            user_id,
            email,
            email_key(email),
            list_keys(email),
            is_proven,
        )
    except asyncpg.UniqueViolationError:
        return None
    return read_user(row) if row else None


async def update_disabled(connection: Connection, user_id: int, *, is_disabled: bool) -> User | None:
    """Disable or enable a user and return them; None when no user has that id."""
    row = await connection.fetchrow(
        """
        UPDATE users SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE id = $1
        RETURNING id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
        """,
        user_id,
        is_disabled,
    )
    return read_user(row) if row else None


async def update_roles(
    connection: Connection, user_id: int, added: Sequence[str], removed: Sequence[str]
) -> User | None:
    """Give a user roles and take others away, and return the user; None when no user has that id."""
    row = await connection.fetchrow(
        """
        UPDATE users SET updated_at = now(), roles = ARRAY(
            SELECT DISTINCT role FROM unnest(roles || $2::text[]) AS role WHERE role <> ALL($3::text[]) ORDER BY role
        )
        WHERE id = $1
        RETURNING id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at
        """,
        user_id,
        added,
        removed,
    )
    return read_user(row) if row else None


async def lock_user(connection: Connection, user_id: int) -> User | None:
    """Return a user, or None, and keep them from signing in or being changed until the transaction ends.

    It waits for a session that is just beginning, so ending all sessions of the user ends that one too.
    """
    row = await connection.fetchrow(
        """
        SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at FROM users
        WHERE id = $1 FOR UPDATE
        """,
        user_id,
    )
    return read_user(row) if row else None


async def delete_user(connection: Connection, user_id: int) -> None:
    """Delete a user. Housekeeping deletes their sessions, which are over without them."""
    await connection.execute("DELETE FROM users WHERE id = $1", user_id)


def read_user(row: Row) -> User:
    """Return the user in a row that has the columns of one."""
    about = (row["id"], row["name"], row["email"], row["created_at"], row["updated_at"])
    return User(*about, tuple(row["roles"]), row["disabled_at"], row["email_verified_at"])
