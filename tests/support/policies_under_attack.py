"""The policy of the gateway that is attacked."""

OPEN_RULES = """
[upstreams]
victim = { address = "VICTIM", authorization = "token" }

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
