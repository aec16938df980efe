"""The settings of the posts service: what every service reads, and what only this one needs."""

from shared.settings import Secret, Settings


class PostsSettings(Settings):
    """Without ``NEXTAUTH_SECRET``: this service verifies tokens, but can't open a session cookie."""

    service_secret: Secret
    posts_database_url: Secret
    auth_service_url: str
