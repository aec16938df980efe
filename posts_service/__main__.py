"""``python -m posts_service`` runs the posts service."""

from posts_service.app import create_app
from posts_service.settings import PostsSettings
from shared.server import serve

if __name__ == "__main__":
    serve("posts_service", PostsSettings, create_app)
