"""``python -m auth_service`` runs the auth service; with arguments, a command for operators."""

import sys

from auth_service.app import create_app
from auth_service.operators.command_line import main
from auth_service.parts import open_database
from auth_service.settings import AuthMigrationSettings, AuthSettings
from shared.postgres.migration import COMMAND, run_migration
from shared.process.server import serve

if __name__ == "__main__":
    if sys.argv[1:] == [COMMAND]:
        sys.exit(run_migration("auth_service", AuthMigrationSettings, open_database))
    if len(sys.argv) > 1:
        sys.exit(main(sys.argv[1:]))
    serve("auth_service", AuthSettings, create_app)
