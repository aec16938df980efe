"""Who asks for a letter, or types the code in one."""

from starlette.requests import Request

from auth_service.clients import identify_client
from auth_service.mail.address_proofs import Asker
from auth_service.web.flow import find_flow, keep_flow


def make_asker(request: Request) -> tuple[Asker, list[str]]:
    """Return who asks for a letter, with the browser's flow, and the cookies that keep it."""
    flow, cookies = keep_flow(request)
    return Asker(flow, identify_client(request)), cookies


def get_asker(request: Request) -> Asker:
    """Return who types a code."""
    return Asker(find_flow(request), identify_client(request))
