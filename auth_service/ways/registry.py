"""The ways to sign in that there are, in the order of the sign-in page."""

from auth_service.ways import password

WAYS = (password.WAY,)
