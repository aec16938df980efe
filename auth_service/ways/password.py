"""Signing in with e-mail address and password: NextAuth's ``credentials``.

Text that no e-mail address or password can contain is treated as any other wrong password.
"""

from starlette.requests import Request

from auth_service.api.schemas import SignIn
from auth_service.errors import InvalidCredentials
from auth_service.signing_in import Proof
from auth_service.ways.way import Fields, Way
from shared.errors import Invalid
from shared.web.schemas import validate


async def read_proof(_: Request, fields: Fields) -> Proof:
    """Return the e-mail address, sent as ``username`` or ``email``, and the password."""
    username = fields.get("username") or fields.get("email", "")
    try:
        offered = validate(SignIn, {"username": username, "password": fields.get("password", "")})
    except Invalid:
        raise InvalidCredentials from None
    return Proof(offered.username, offered.password)


WAY = Way("credentials", "Credentials", "credentials", read_proof, form="signin_password.html")
