"""The posts service, built on one screen: its parts and its routes.

create_app(settings, metrics) -> a Starlette application; nothing happens before its lifespan starts. How reads share
queries is not a setting; a benchmark passes another ``Sharing``.
"""

from starlette.applications import Starlette

from posts_service.housekeeping import build_chores
from posts_service.parts import SERVICE, Parts
from posts_service.settings import PostsSettings
from posts_service.web import api, forms, pages
from shared.application import build_application
from shared.fast.coalesced_reads import SHARED, Sharing
from shared.observing.metrics import Metrics
from shared.resource_server import ResourceServer
from shared.web.routes import Resource, resource


def create_app(settings: PostsSettings, metrics: Metrics, sharing: Sharing = SHARED) -> Starlette:
    """Return the posts service."""
    parts = Parts.build(settings, metrics, sharing)
    chores = build_chores(parts.answers_kept_for, parts.deletions_kept_for)
    server = ResourceServer.build(SERVICE, settings, metrics, parts.database, chores, parts.running)
    remarks = {"standby": parts.list_source.find_remark}
    return build_application(settings, metrics, build_routes(), server, parts, remarks)


def build_routes() -> list[Resource]:
    """Return all routes, in reading order."""
    return [
        resource("/api/user/{id}", GET=api.list_posts_of_user),
        resource("/api/posts", GET=api.list_feed, POST=api.create_post),
        resource("/api/posts/{id}", GET=api.show_post, PATCH=api.change_post, DELETE=api.delete_post),
        resource("/", GET=pages.show_feed),
        resource("/posts/{id}", GET=pages.show_post),
        resource("/authors/{id}", GET=pages.show_author),
        resource("/userposts", GET=pages.show_own_posts),
        resource("/userposts/new", GET=forms.show_new, POST=forms.create),
        resource("/userposts/{id}", GET=forms.show_edit, POST=forms.change),
        resource("/userposts/{id}/publish", POST=forms.publish),
        resource("/userposts/{id}/delete", POST=forms.delete),
    ]
