"""``python -m comments_service`` runs the comments service; with ``migrate`` or ``doctor``, a command for operators."""

from comments_service.app import SERVICE, create_app, open_database
from comments_service.settings import CommentsSettings
from shared.command_line.dispatch import run_service
from shared.command_line.resource_server import build_commands

if __name__ == "__main__":
    run_service(SERVICE, CommentsSettings, create_app, build_commands(SERVICE, CommentsSettings, open_database))
