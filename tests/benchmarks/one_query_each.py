"""``python -m tests.benchmarks.one_query_each``: the posts service with a query for each list, to compare sharing with.

Everything else is as in the service: its settings, its checks, its code.
"""

from functools import partial

from posts_service.app import create_app
from posts_service.parts import SERVICE
from posts_service.settings import PostsSettings
from shared.fast.coalesced_reads import ONE_BY_ONE
from shared.process.server import serve

if __name__ == "__main__":
    serve(SERVICE, PostsSettings, partial(create_app, sharing=ONE_BY_ONE))
