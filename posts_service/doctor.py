"""``python -m posts_service doctor``: what every such service's looks at, and the standby."""

from posts_service.parts import SERVICE, open_database, open_standby
from posts_service.settings import PostsSettings
from shared.doctor.database import examine_standby
from shared.doctor.findings import Finding
from shared.doctor.resource_server import examine_resource_server


async def examine(settings: PostsSettings) -> list[Finding]:
    """Return all that is to be said about a posts service."""
    database, standby = open_database(settings), open_standby(settings)
    return [
        *await examine_resource_server(SERVICE, settings, database),
        *(await examine_standby(standby, database) if standby is not None else []),
    ]
