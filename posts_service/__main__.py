"""``python -m posts_service`` runs the posts service; with ``migrate`` or ``import``, only what operators ask for."""

import sys

from posts_service import importing
from posts_service.app import create_app
from posts_service.parts import SERVICE, open_database
from posts_service.settings import PostsMigrationSettings, PostsSettings
from shared.postgres.migration import COMMAND, run_migration
from shared.process.server import serve

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            serve(SERVICE, PostsSettings, create_app)
        case [command] if command == COMMAND:
            sys.exit(run_migration(SERVICE, PostsMigrationSettings, open_database))
        case [importing.COMMAND, *words]:
            sys.exit(importing.main(words))
        case _:
            sys.exit(f"usage: python -m posts_service [{COMMAND} | {importing.COMMAND} FILE]")
