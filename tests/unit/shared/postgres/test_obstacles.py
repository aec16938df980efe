"""What a service says of the database that it can't use: a sentence for each kind of fault, without the password."""

import socket
import ssl

import asyncpg
import pytest

from shared.postgres.obstacles import describe_failed_migration, describe_obstacle

URL = "postgresql://auth:secret-word@db.example:5433/accounts"
TWO = "postgresql://auth:secret-word@first,second:5433/accounts"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncpg.InvalidPasswordError("password authentication failed"), "refuses the password of the role auth"),
        (asyncpg.InvalidAuthorizationSpecificationError('role "auth" does not exist'), 'role "auth" does not exist'),
        (asyncpg.InvalidCatalogNameError("no"), "there is no database accounts at db.example:5433"),
        (asyncpg.InsufficientPrivilegeError("permission denied for schema public"), "Make it the owner"),
        (asyncpg.TooManyConnectionsError("sorry"), "raise its max_connections, or lower POOL_SIZE"),
        (
            asyncpg.TooManyConnectionsError('too many connections for database "accounts"'),
            "ALTER DATABASE accounts CONNECTION LIMIT -1",
        ),
        (asyncpg.CannotConnectNowError("starting up"), "is starting or shutting down"),
        (asyncpg.ReadOnlySQLTransactionError("x"), "add target_session_attrs=read-write"),
        (asyncpg.UndefinedTableError("no such table"), "no such table (42P01)"),
        (ConnectionRefusedError(111, "refused"), "nothing listens at db.example:5433: start it"),
        (socket.gaierror(-2, "unknown"), "the name of db.example:5433 can't be looked up"),
        (TimeoutError(), "db.example:5433 does not answer"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "TLS with db.example:5433 fails"),
        (ConnectionError("PostgreSQL server rejected SSL upgrade"), "TLS with db.example:5433 fails"),
        (OSError("No route to host"), "db.example:5433 can't be reached: No route to host"),
        (OSError(), "db.example:5433 can't be reached: OSError"),
    ],
)
def test_each_obstacle_has_its_sentence(error: BaseException, said: str) -> None:
    """The sentence names what is wrong and what to do, in one line, and never the password."""
    sentence = describe_obstacle(error, URL)
    assert said in sentence
    assert "db.example:5433" in sentence
    assert "secret-word" not in sentence
    assert "\n" not in sentence


def test_all_servers_are_named() -> None:
    """Of several servers each is named; of one that only a socket leads to, its folder."""
    assert "first:5432 and second:5433 does not answer" in describe_obstacle(TimeoutError(), TWO)
    assert "/run/pg can't" in describe_obstacle(FileNotFoundError(), "postgresql://auth@/accounts?host=/run/pg")
    assert "secret" not in describe_obstacle(OSError(), "postgresql://auth:secret@host:port/accounts")


def test_a_failed_migration_says_what_is_as_before() -> None:
    """It names the file and the error, and says that nothing of it was kept, and what to do."""
    sentence = describe_failed_migration("Failed to apply 0018-more", 'relation "users" does not exist')
    assert sentence.startswith('the migration 0018-more fails: relation "users" does not exist. Nothing of it was kept')
    assert sentence.endswith("start again, or go back to that release")
