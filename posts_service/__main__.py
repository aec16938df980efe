"""``python -m posts_service`` runs the posts service; with a word behind it, a command for operators."""

from posts_service.app import create_app
from posts_service.doctor import examine
from posts_service.operators.command_line import COMMANDS
from posts_service.parts import SERVICE, open_database
from posts_service.settings import PostsMigrationSettings, PostsSettings
from shared.command_line.dispatch import run_service
from shared.doctor.command import build_doctor
from shared.postgres.migration import build_migrate

MIGRATE = build_migrate(SERVICE, PostsMigrationSettings, open_database)
DOCTOR = build_doctor(SERVICE, PostsSettings, examine)

if __name__ == "__main__":
    run_service(SERVICE, PostsSettings, create_app, (COMMANDS, MIGRATE, DOCTOR))
