"""What tables a database has, what stands in them, and what ``docs/operations.md`` says about each."""

import re
from collections import defaultdict

import asyncpg

from tests.support.operations_page import PAGE


async def list_columns(database: asyncpg.Connection) -> dict[str, set[str]]:
    """Return the columns of each table of ours; not of views, nor of the list of migrations."""
    rows = await database.fetch(
        """
        SELECT columns.table_name, column_name FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND columns.table_name !~ '^_pogo_'
        """
    )
    columns: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        columns[row["table_name"]].add(row["column_name"])
    return dict(columns)


async def search(database: asyncpg.Connection, *texts: str) -> list[str]:
    """Return the tables in which one of some texts stands, in any column: in whatever case, or as bytes."""
    wanted = {*(text.lower() for text in texts), *(text.encode().hex() for text in texts)}
    found = []
    for table in await list_columns(database):
        rows = await database.fetch(f"SELECT each::text FROM {table} AS each")  # noqa: S608 - one of ours
        if any(text in row[0].lower() for text in wanted for row in rows):
            found.append(table)
    return sorted(found)


def list_documented(service: str) -> set[str]:
    """Return the tables of which the page says what a service keeps."""
    page = PAGE.read_text()
    part = page[page.index(f"| table of the {service} |") :].partition("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))
