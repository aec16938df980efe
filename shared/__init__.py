"""What the three services agree on: tokens, cookies, errors, settings, and the doors to their libraries.

Imports nothing of auth_service, posts_service or gateway. A module stands here only when at least two of
them need it.
"""
