"""``python -m deploy.api_description`` writes the API's description as ``/openapi.json`` answers it, without a stack.

With the default settings: what else can be set (``EMAIL_VERIFICATION``) or added (services) is not in it.
"""

import json
import sys

from auth_service.app import build_routes as build_auth_routes
from gateway.pages.description import join
from gateway.pages.json_members import Json
from gateway.policy.file import load_policy
from gateway.settings import DEFAULT_RULES
from posts_service.app import build_routes as build_posts_routes
from shared.web.openapi import describe

PUBLIC_URL = "http://localhost:3000"


def describe_api() -> Json:
    """Return the joined description of the services."""
    policy = load_policy(
        DEFAULT_RULES, {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
    )
    parts = {"auth": describe(build_auth_routes()), "posts": describe(build_posts_routes())}
    return join(parts, policy, PUBLIC_URL)


if __name__ == "__main__":
    json.dump(describe_api(), sys.stdout, indent=2)
    sys.stdout.write("\n")
