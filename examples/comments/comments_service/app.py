"""The comments service, built on one screen: its database, its chore, its routes."""

from pathlib import Path

from starlette.applications import Starlette

from comments_service import web
from comments_service.comments import delete_comments_of
from comments_service.parts import Parts
from comments_service.settings import CommentsSettings
from shared import users_copy
from shared.application import build_application
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.resource_server import ResourceServer
from shared.tokens.form_tokens import FormTokens
from shared.users_copy.deletions import finish_removals, until_none
from shared.web.routes import Resource, resource

SERVICE = "comments_service"
MIGRATIONS = (users_copy.MIGRATIONS, Path(__file__).parent / "migrations")


def create_app(settings: CommentsSettings, metrics: Metrics) -> Starlette:
    """Return the comments service."""
    database = open_database(settings)
    chores = {"removals": finish_removals(until_none(delete_comments_of))}
    server = ResourceServer.build(SERVICE, settings, metrics, database, chores)
    form_tokens = FormTokens.of(settings.list_secrets(SERVICE))
    return build_application(settings, metrics, build_routes(), server, Parts(database, form_tokens))


def open_database(settings: CommentsSettings) -> Database:
    """Return the service's database, not connected yet."""
    url, size = settings.comments_database_url.get_secret_value(), settings.pool_size
    return Database(url, MIGRATIONS, SERVICE, size, setting="COMMENTS_DATABASE_URL")


def build_routes() -> list[Resource]:
    """Return all that is answered; ``id`` is the post's."""
    return [
        resource("/api/comments/{id}", GET=web.list_comments, POST=web.create_comment),
        resource("/comments/{id}", GET=web.show_page, POST=web.take_form),
    ]
