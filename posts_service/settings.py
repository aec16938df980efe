"""What only the posts service needs to be told."""

from shared.settings import Secret, Settings


class PostsSettings(Settings):
    """The settings of the posts service."""

    service_secret: Secret
    posts_database_url: Secret
    auth_service_url: str = "http://127.0.0.1:8001"
