"""The setting of a service with a database: how many connections it keeps to it."""

from typing import Annotated

from pydantic import Field

from shared.settings import LogSettings

POOL_SIZE = 10
"""Connections, where nothing else is said."""

PoolSize = Annotated[int, Field(ge=2, le=500)]


class PoolSettings(LogSettings):
    """A replica has at most ``pool_size`` connections to each server of its database, and few more for its own work.

    What all replicas have together must fit into PostgreSQL's ``max_connections``.
    """

    pool_size: PoolSize = POOL_SIZE
