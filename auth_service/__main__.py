"""``python -m auth_service`` runs the auth service; with a word behind it, a command for operators."""

from auth_service.app import create_app
from auth_service.operators.command_line import COMMANDS, OperatorSettings
from auth_service.operators.doctor import examine
from auth_service.parts import open_database
from auth_service.settings import AuthMigrationSettings, AuthSettings
from shared.auth_events.contract import AUTH_SERVICE
from shared.command_line.dispatch import run_service
from shared.doctor.command import build_doctor
from shared.postgres.migration import build_migrate

MIGRATE = build_migrate(AUTH_SERVICE, AuthMigrationSettings, open_database)
DOCTOR = build_doctor(AUTH_SERVICE, OperatorSettings, examine)

if __name__ == "__main__":
    run_service(AUTH_SERVICE, AuthSettings, create_app, (COMMANDS, MIGRATE, DOCTOR))
