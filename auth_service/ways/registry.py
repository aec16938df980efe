"""All ways to sign in, in the order of the sign-in page."""

from auth_service.ways import password

WAYS = (password.WAY,)
