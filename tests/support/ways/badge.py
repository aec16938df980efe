"""A way to sign in for the tests, as one would be added: whoever has a badge shows it to a reader on a page of ours.

What the reader sends is the e-mail address and the password in one line, as RFC 7617 (HTTP Basic) writes them.
"""

import base64

from starlette.requests import Request

from auth_service.errors import InvalidCredentials
from auth_service.parts import parts_of
from auth_service.signing_in import Proof
from auth_service.ways.way import Begun, Fields, Way


async def begin(request: Request, _: Fields) -> Begun:
    """Lead to the page with the reader."""
    return Begun(f"{parts_of(request).public_url}/badge-reader")


async def read_proof(_: Request, fields: Fields) -> Proof:
    """Return what a badge says."""
    try:
        email, _, password = base64.b64decode(fields.get("badge", ""), validate=True).decode().partition(":")
    except ValueError:
        raise InvalidCredentials from None
    return Proof(email, password)


WAY = Way("badge", "a badge", "badge", read_proof, begin=begin)
