"""The copy of users that a service keeps beside its own tables, so that it can name authors without calling anyone.

A service adds it in four places:

1. its database: ``Database(url, [users_copy.MIGRATIONS, *its own], ...)``;
2. following the auth service: ``create_user_change_follower(client, database, metrics)``, started and stopped with it,
   which ``shared.resource_server`` does;
3. writes: ``upsert_author(connection, claims)`` first, in the transaction that stores what the user wrote; that is then
   stored only ``WHERE EXISTS (SELECT FROM authors WHERE id = $1 AND name IS NOT NULL)``;
4. its housekeeping: ``finish_removals(forget)``, where ``forget`` deletes what a deleted user left.

Statements read ``authors`` by a join. A deleted user has no name there, and a row in ``removals`` as long as anything
of theirs is left. The tables have the same names in every service, and only the modules here write them.
"""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
