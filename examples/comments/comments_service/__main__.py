"""``python -m comments_service`` runs the comments service."""

from comments_service.app import SERVICE, create_app
from comments_service.settings import CommentsSettings
from shared.process.server import serve

if __name__ == "__main__":
    serve(SERVICE, CommentsSettings, create_app)
