"""The policy of the gateway's tests: a path for each kind of rule."""

from pathlib import Path

from tests.support.raw_upstream import RawUpstream

_RULES = """
[upstreams]
posts = { address = "POSTS", authorization = "token" }

[[rule]]
matcher = ["/userposts/:path*"]
access = "page"
upstream = "posts"

[[rule]]
matcher = ["/api/user/:id"]
methods = ["GET"]
access = "protected"
upstream = "posts"

[[rule]]
matcher = ["/options"]
methods = ["GET", "OPTIONS"]
access = "public"
upstream = "posts"

[[rule]]
matcher = ["/small"]
access = "public"
upstream = "posts"
max_body = 10

[[rule]]
matcher = ["/public/:path*"]
access = "public"
upstream = "posts"
max_body = 1073741824

[[rule]]
matcher = [
    "/_gatepost/assets/:path*", "/docs", "/openapi.json", "/favicon.ico", "/robots.txt",
    "/.well-known/change-password", "/.well-known/security.txt",
]
methods = ["GET"]
access = "public"
upstream = "gateway"
"""
_AUTH = """
[upstreams.auth]
address = "AUTH"
authorization = "token"
session_cookies = true

[[rule]]
matcher = ["/api/auth/:path*"]
access = "public"
upstream = "auth"
"""


def write_rules(path: Path, posts: RawUpstream, auth: RawUpstream | None = None) -> None:
    """Write the policy file of a gateway ahead of these upstreams, or of the first alone."""
    text = _RULES.replace("POSTS", posts.url)
    path.write_text(text + _AUTH.replace("AUTH", auth.url) if auth else text)
