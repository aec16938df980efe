"""Signing in by a link that is sent by mail: NextAuth's ``email``. There only with ``EMAIL_SIGN_IN=on``.

As with next-auth, a form or the client's ``signIn("email")`` asks for the link, and a page says that it was sent. But
the link itself signs nobody in: it shows a page with a button (``mail.links``).
"""

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.cookies import choose_callback_url, find_browser_session
from auth_service.browser.public_name import at_public_name
from auth_service.clients import identify_client
from auth_service.errors import LinkRefused, NoAddress
from auth_service.mail.addresses import check_email
from auth_service.mail.codes import is_token
from auth_service.mail.links import Links
from auth_service.pages.forms import form_page
from auth_service.pages.second_clicks import send_link_once
from auth_service.parts import mail_of, parts_of
from auth_service.signing_in import LinkProof
from auth_service.ways.way import Begun, Fields, Way
from shared.language.sentences import Sentence


async def begin(request: Request, fields: Fields) -> Begun:
    """Send a link, and lead to the page that says so; NoAddress, Throttled, Unavailable."""
    try:
        email = check_email(fields.get("email", ""))
    except ValueError:
        raise NoAddress from None
    is_program = parts_of(request).protocol.is_json_mode(request.headers, fields)
    send = Links.send if is_program else send_link_once  # a program knows what it sent
    await send(mail_of(request).links, email, choose_callback_url(request, fields), identify_client(request))
    return Begun(f"{parts_of(request).public_url}/api/auth/verify-request?provider={WAY.id}&type={WAY.type}")


@at_public_name
async def show_button(request: Request) -> Response:
    """Show the button that signs in; a link that no longer works leads to the page that says so."""
    proof = _find_proof(request, request.query_params)
    link = await mail_of(request).links.find(proof.code_macs) if proof else None
    if proof is None or link is None:
        location = f"{parts_of(request).public_url}/api/auth/error?error=Verification"
        return Response(status_code=302, headers={"Location": location})
    found = await find_browser_session(request)
    shown = {
        "email": proof.email,
        "token": request.query_params["token"],
        "callback_url": choose_callback_url(request, {}),
        "other": found.user if found is not None and found.user.id != link.user_id else None,
    }
    return form_page(request, "signin_link.html", 200, shown)


async def read_proof(request: Request, fields: Fields) -> LinkProof:
    """Return what the link's query says; LinkRefused when that can be no link of ours."""
    proof = _find_proof(request, fields)
    if proof is None:
        raise LinkRefused
    return proof


def _find_proof(request: Request, fields: Fields) -> LinkProof | None:
    try:
        email = check_email(fields.get("email", ""))
    except ValueError:
        return None
    token = fields.get("token", "")
    return LinkProof(email, mail_of(request).links.hash(email, token)) if is_token(token) else None


WAY = Way(
    "email",
    "Email",
    "email",
    read_proof,
    form="signin_email.html",
    begin=begin,
    show_callback=show_button,
    button=Sentence("Send me a link to sign in"),
)
