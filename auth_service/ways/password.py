"""Signing in with e-mail address and password: NextAuth's ``credentials``.

Whatever can't be right, text that nobody's e-mail address or password can hold, is a wrong password like any.
"""

from starlette.requests import Request

from auth_service.errors import InvalidCredentials
from auth_service.signing_in import Proof
from auth_service.ways.way import Fields, Way
from auth_service.web.schemas import SignIn
from shared.errors import Invalid
from shared.web.schemas import validate


async def read_proof(_: Request, fields: Fields) -> Proof:
    """Return the e-mail address, which may be called ``username`` or ``email``, and the password that were sent."""
    username = fields.get("username") or fields.get("email", "")
    try:
        offered = validate(SignIn, {"username": username, "password": fields.get("password", "")})
    except Invalid:
        raise InvalidCredentials from None
    return Proof(offered.username, offered.password)


WAY = Way("credentials", "Credentials", "credentials", read_proof, form="signin_password.html")
