"""The policies of the gateway that is attacked."""

OPEN_RULES = """
[upstreams]
victim = "VICTIM"

[[rule]]
matcher = ["/userposts/:path*"]
access = "page"
upstream = "victim"

[[rule]]
matcher = ["/api/user/:id", "/api/me"]
methods = ["GET"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/api/posts"]
methods = ["POST"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/api/posts/:id"]
methods = ["PATCH", "DELETE"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "victim"
"""
"""The policy that is hardest to keep: whatever misses a protecting rule is public and goes to the same upstream."""

_LOOSENED = """
hosts = "localhost"
cors = { origins = "https://app.example", credentials = true }
"""
LOOSENED_RULES = OPEN_RULES.replace('upstream = "victim"\n', f'upstream = "victim"{_LOOSENED}')
"""The same about one host, with an origin whose pages may use the caller's cookies."""
