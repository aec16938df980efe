"""The rollback halves of the migrations, which the library requires: each undoes its migration.

No service runs them; authors of migrations do, to try one twice.
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pogo_core.util import migrate

import auth_service.parts
import posts_service.parts

FILES = {
    "auth_service": sorted(auth_service.parts.MIGRATIONS.glob("*.sql")),
    "posts_service": sorted(posts_service.parts.MIGRATIONS.glob("*.sql")),
}

# Everything that a migration can create, as text; columns by name, for one that is re-created comes last.
SCHEMA = """
    SELECT format('column %s.%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
        pg_get_expr(adbin, adrelid), concat(attidentity, attgenerated, col_description(attrelid, attnum)))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('relation %s %s %s %s', oid::regclass, relkind, reloptions, obj_description(oid, 'pg_class'))
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
    UNION ALL
    SELECT format('function %s', pg_get_functiondef(oid))
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
"""


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to an empty database."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
async def test_up_down_and_up_gives_the_same_schema(
    files: list[Path], connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """Undone one by one, the migrations restore what was there before each; applied again, what was there after."""
    before: list[set[str]] = []
    for file in files:
        before.append(await read_schema(connection))
        shutil.copy(file, tmp_path)
        await migrate.apply(connection, tmp_path, schema_name="public")
    after = await read_schema(connection)
    for file, schema in zip(reversed(files), reversed(before), strict=True):
        await migrate.rollback(connection, tmp_path, schema_name="public", count=1)
        assert await read_schema(connection) == schema, file.name
    await migrate.apply(connection, tmp_path, schema_name="public")
    assert await read_schema(connection) == after


async def read_schema(connection: asyncpg.Connection) -> set[str]:
    """Return what there is in the database except for the library's own tables."""
    return {text for (text,) in await connection.fetch(SCHEMA) if "_pogo_" not in text}
