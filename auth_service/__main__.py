"""``python -m auth_service`` runs the auth service."""

from auth_service.app import create_app
from auth_service.settings import AuthSettings
from shared.server import serve

if __name__ == "__main__":
    serve("auth_service", AuthSettings, create_app)
