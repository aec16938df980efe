"""The page of one's identities at other providers: see them, add one, remove them. It needs no script.

Adding one leads to the provider, and back to the address where a sign-in comes back, too (``finish``). What tells them
apart is sealed in this browser's cookies: the session that began it. So nobody is given the identity of a stranger who
sends them a link, and nobody gives theirs to another user who is signed in by then.
"""

import itertools
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.cookies import BrowserSession, add_cookies, find_browser_session, read_cookies
from auth_service.browser.public_name import at_public_name
from auth_service.clients import identify_client
from auth_service.errors import (
    IdentityTaken,
    ProviderDeclined,
    ProviderDown,
    ProviderRefused,
    SessionChanged,
    TooManyIdentities,
)
from auth_service.pages.account import (
    REFUSALS,
    Refusal,
    account_page,
    ask_for_proof,
    lead_on,
    signed_in,
)
from auth_service.pages.forms import MAX_FORM, TOO_MANY_ATTEMPTS, UNAVAILABLE, redirect, verify_form
from auth_service.parts import parts_of, providers_of
from auth_service.providers.checks import Checks
from auth_service.providers.identities import ProviderProof
from auth_service.ways import nextauth
from auth_service.ways.providers import find_linking_session, find_other_site, lead_there
from auth_service.ways.way import Way
from shared.errors import AppError, Forbidden, NotFound, Throttled, Unauthorized, Unavailable
from shared.language.sentences import Sentence
from shared.web.bodies import read_form
from shared.web.pages import content_security_policy

PATH = "/account/identities"
OTHER_ACCOUNT = Sentence("You are signed in to another account than when you opened this page. Please try again.")

SAID: Mapping[type[AppError], tuple[str, Sentence]] = {
    IdentityTaken: ("taken", Sentence(IdentityTaken.sentence)),
    TooManyIdentities: ("many", Sentence(TooManyIdentities.sentence)),
    SessionChanged: ("changed", Sentence(SessionChanged.sentence)),
    ProviderRefused: ("refused", Sentence(ProviderRefused.sentence)),
    ProviderDeclined: ("declined", Sentence("You did not sign in there, so nothing was added.")),
    Throttled: ("later", TOO_MANY_ATTEMPTS),
    Unavailable: ("unavailable", UNAVAILABLE),
}
"""What the page says of an identity that was not added, and the word for it in the page's address."""

SENTENCES = dict(SAID.values())


@at_public_name
@signed_in
async def show_identities(request: Request, found: BrowserSession) -> Response:
    """Show who the user is to other providers."""
    return await _identities_page(request, found)


@signed_in
async def begin_adding(request: Request, found: BrowserSession) -> Response:
    """Lead to a provider, to bring an identity back."""
    provider: str = request.path_params["provider"]
    try:
        await _verify(request, found)
        if provider not in providers_of(request).clients:
            raise NotFound
        await parts_of(request).linking.check_recent(found.user, found.session)
        begun = await lead_there(provider, request, Checks.make(str(found.session.id)))
    except (*REFUSALS, ProviderDown, Unauthorized) as refusal:
        return await _identities_page(request, found, refusal)
    return add_cookies(redirect(begun.url), begun.cookies)


async def finish(way: Way, request: Request) -> Response:
    """End what this browser began at a provider: a sign-in, or an identity that is to be added."""
    site = find_other_site(way.id, request)
    if site is not None:
        return redirect(f"{site}{way.callback_path}?{request.url.query}")
    wanted_by = find_linking_session(way.id, request)
    if wanted_by is None:
        return await nextauth.finish_sign_in(way, request)
    found = await find_browser_session(request)
    try:
        if found is None or str(found.session.id) != wanted_by:
            raise SessionChanged
        proof = await way.read_proof(request, {})
        assert isinstance(proof, ProviderProof), "only providers lead back"
        await parts_of(request).linking.add(found.user, found.session, proof, identify_client(request))
        led = lead_on(request, PATH, "added")
    except tuple(SAID) as refusal:
        led = redirect(f"{parts_of(request).public_url}{PATH}?refused={_name(refusal)}")
    return add_cookies(led, providers_of(request).cookies.clear(read_cookies(request)))


@signed_in
async def remove_identity(request: Request, found: BrowserSession) -> Response:
    """Remove what the user has at a provider; it does not matter if it is gone already."""
    linking, provider = parts_of(request).linking, request.path_params["provider"]
    try:
        await _verify(request, found)
        await linking.remove(found.user, found.session, provider, identify_client(request))
    except NotFound:
        pass
    except (*REFUSALS, Unauthorized) as refusal:
        return await _identities_page(request, found, refusal)
    return lead_on(request, PATH, "removed")


async def _verify(request: Request, found: BrowserSession) -> None:
    fields = await read_form(request, MAX_FORM)
    verify_form(request, fields)
    if fields.get("account") != str(found.user.id):
        raise Forbidden(OTHER_ACCOUNT)


async def _identities_page(request: Request, found: BrowserSession, refusal: Refusal | None = None) -> Response:
    parts = parts_of(request)
    identities = sorted(await parts.linking.list_of(found.user), key=lambda each: each.provider)
    linked = {name: list(group) for name, group in itertools.groupby(identities, key=lambda each: each.provider)}
    said = SENTENCES.get(request.query_params.get("refused", "")) if refusal is None else None
    shown: dict[str, object] = {
        "linked": linked,
        "names": parts.linking.names,
        "proven": await parts.accounts.get_reauthentication(found.user, found.session),
        **({"problem": said} if said else ask_for_proof(refusal)),
    }
    page = account_page(request, found, "account_identities.html", refusal, **shown)
    page.headers["Content-Security-Policy"] = content_security_policy(providers_of(request).origins)
    return page


def _name(refusal: BaseException) -> str:
    return next(name for kind, (name, _) in SAID.items() if isinstance(refusal, kind))
