"""Who asks for a letter, or types the code in one."""

from starlette.requests import Request

from auth_service.clients import identify_client
from auth_service.mail.address_proofs import AddressProofs, Asker
from auth_service.parts import parts_of
from auth_service.web.flow import find_flow, keep_flow


def make_asker(request: Request) -> tuple[Asker, list[str]]:
    """Return who asks for a letter, with the browser's flow, and the cookies that keep it."""
    flow, cookies = keep_flow(request)
    return Asker(flow, identify_client(request)), cookies


def get_asker(request: Request) -> Asker:
    """Return who types a code."""
    return Asker(find_flow(request), identify_client(request))


def proofs_of(request: Request) -> AddressProofs:
    """Return what proves addresses, where there is mail."""
    mail = parts_of(request).mail
    assert mail is not None, "there are no such routes without mail"
    return mail.proofs


def has_proofs(request: Request) -> bool:
    """Tell whether people are to prove their addresses."""
    mail = parts_of(request).mail
    return mail is not None and mail.verification != "off"
