"""The id of an epoch says when it began, as UUIDs of version 7 do; and migrations leave its row as it was."""

import datetime as dt
import re
import uuid
from pathlib import Path

import pytest

from shared.postgres.epochs import get_beginning

RFC_EXAMPLE = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # RFC 9562, appendix A.6


@pytest.mark.parametrize(
    ("epoch_id", "beginning"),
    [
        (RFC_EXAMPLE, dt.datetime(2022, 2, 22, 19, 22, 22, tzinfo=dt.UTC)),
        ("00000000-0000-7000-8000-000000000000", dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("ffffffff-ffff-7fff-bfff-ffffffffffff", dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        ("919108f7-52d1-4320-9bac-f847db4148a8", None),
        ("00000000-0000-0000-0000-000000000007", None),
    ],
)
def test_the_beginning_is_in_the_id(epoch_id: str, beginning: dt.datetime | None) -> None:
    """Milliseconds since 1970 are read from ids of version 7, whatever they are; others say nothing."""
    assert get_beginning(uuid.UUID(epoch_id)) == beginning


def is_noted(script: str) -> bool:
    """Tell whether a migration that changes the table ``epochs`` notes afterwards that its rows were not put back."""
    applied = re.sub(r"--.*", "", script.partition("-- migrate: rollback")[0])
    *_, last = [0, *(change.end() for change in re.finditer(r"\bALTER TABLE (?:IF EXISTS )?epochs\b", applied))]
    return last == 0 or "UPDATE epochs SET seen_at = seen_at;" in applied[last:]


@pytest.mark.parametrize(
    ("script", "good"),
    [
        ("ALTER TABLE epochs ADD COLUMN a float DEFAULT random();", False),
        ("UPDATE epochs SET seen_at = seen_at; ALTER TABLE epochs ADD COLUMN a float;", False),
        ("ALTER TABLE epochs ADD COLUMN a float; -- UPDATE epochs SET seen_at = seen_at;", False),
        ("ALTER TABLE epochs ADD COLUMN a float; UPDATE epochs SET seen_at = seen_at;", True),
        ("ALTER TABLE users ADD COLUMN a float;", True),
    ],
)
def test_what_is_noted(script: str, *, good: bool) -> None:
    """The law below finds what it is about."""
    assert is_noted(script) == good


def test_a_migration_notes_what_it_rewrites() -> None:
    """A table that is rewritten has rows of another transaction, as if they were put back: everybody is signed out."""
    migrations = [path for package in ("auth_service", "posts_service", "shared") for path in find_migrations(package)]
    assert len(migrations) > 20
    assert [path.name for path in migrations if not is_noted(path.read_text())] == []


def find_migrations(package: str) -> list[Path]:
    """Return the migrations of a package."""
    return sorted((Path(__file__).parents[4] / package).rglob("migrations/*.sql"))
