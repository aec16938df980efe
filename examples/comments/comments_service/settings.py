"""The settings of the comments service: what every such service reads, and its database."""

from shared.settings import DatabaseUrl
from shared.verifier_settings import ResourceServerSettings


class CommentsSettings(ResourceServerSettings):
    """What the comments service needs beside."""

    comments_database_url: DatabaseUrl
