"""Signing in with other providers: a way for each that ``PROVIDERS_FILE`` names, NextAuth's ``oauth`` or ``oidc``.

As with next-auth, the client's ``signIn("<id>")`` or a button asks where to go, and the provider sends the browser back
to ``GET /api/auth/callback/<id>``. What is asked of the provider, and what of its answer is believed, stands in
``auth_service/providers``; here is what a browser sends and gets.
"""

import functools
import time

import structlog
from starlette.requests import Request

from auth_service.browser.cookies import offer_csrf_token, read_cookies
from auth_service.clients import identify_client
from auth_service.errors import ProviderDeclined, ProviderDown, ProviderRefused
from auth_service.guessing.rules import LimitName
from auth_service.parts import parts_of, providers_of
from auth_service.providers.checks import Checks
from auth_service.providers.exchange import Answer, ProvenProfile, SignInDeclined, read_answer
from auth_service.providers.file import Provider
from auth_service.providers.http import ProviderFailed
from auth_service.providers.identities import ProviderProof
from auth_service.ways.way import Begun, Fields, Way
from shared.tokens.protocol import Protocol

ASKED_FOR = ("prompt", "login_hint", "ui_locales", "display", "acr_values", "hd")
"""What a client may ask of a provider, in the query of ``POST /api/auth/signin/<id>``, as next-auth lets it."""

LONGEST_ASKED = 500  # characters
LOGIN = "login"

log = structlog.get_logger("providers")


def build_way(provider: Provider, protocol: Protocol) -> Way:
    """Return the way to sign in with a provider."""
    return Way(
        provider.id,
        provider.name,
        protocol.openid if provider.endpoints is None else "oauth",
        functools.partial(read_proof, provider.id),
        begin=functools.partial(begin, provider.id),
        is_led_back=True,
    )


async def begin(provider: str, request: Request, _: Fields) -> Begun:
    """Lead to the provider, to sign in; ProviderDown."""
    return await lead_there(provider, request, Checks.make())


async def lead_there(provider: str, request: Request, checks: Checks) -> Begun:
    """Lead to the provider, with checks in the browser's cookies; ProviderDown.

    To add an identity, a user proves it anew there: somebody else may be signed in at the provider in this browser.
    """
    providers = providers_of(request)
    asked = {name: request.query_params[name] for name in ASKED_FOR if name in request.query_params}
    wanted = {name: value for name, value in asked.items() if len(value) <= LONGEST_ASKED and value.isprintable()}
    is_anew = checks.wanted_by is not None or LOGIN in wanted.get("prompt", "").split()
    try:
        url = await providers.clients[provider].build_url(checks, wanted, anew=is_anew)
    except ProviderFailed as failure:
        log.warning("provider_sign_in_not_begun", provider=provider, reason=failure.reason)
        raise ProviderDown from None
    csrf_token, _ = offer_csrf_token(request)  # the form that leads here came with it
    site = parts_of(request).sites.find_other(request.headers.get("host", ""))
    return Begun(url, providers.cookies.write(checks, provider, csrf_token, int(time.time()), site))


def find_other_site(provider: str, request: Request) -> str | None:
    """Return the site where this browser began what a provider answers, if it is another than the one that is asked.

    The answer counts there alone, beside that site's csrf cookie.
    """
    sites = parts_of(request).sites
    site = providers_of(request).cookies.find_site(read_cookies(request), provider, int(time.time()))
    return site if site in sites.others and site != sites.get_own(request.headers.get("host", "")) else None


def find_checks(provider: str, request: Request) -> Checks | None:
    """Return the checks of what this browser began at a provider; with a csrf token that is new, there are none."""
    (csrf_token, _), now = offer_csrf_token(request), int(time.time())
    return providers_of(request).cookies.find(read_cookies(request), provider, csrf_token, now)


def find_linking_session(provider: str, request: Request) -> str | None:
    """Return the session for which this browser began to add an identity; None where it began to sign in."""
    checks = find_checks(provider, request)
    return checks.wanted_by if checks else None


async def read_proof(provider: str, request: Request, _: Fields) -> ProviderProof:
    """Return what the provider's answer in the query proves; ProviderRefused, ProviderDeclined, Throttled."""
    await parts_of(request).admission.check_address(LimitName.PROVIDER, identify_client(request))
    checks = find_checks(provider, request)
    try:
        answer = read_answer(request.query_params.multi_items(), checks)
        assert checks is not None, "else there is no answer to them"
        proven = await _prove(provider, request, answer, checks)
    except SignInDeclined:
        raise ProviderDeclined from None
    except ProviderFailed as failure:
        log.warning("provider_sign_in_refused", provider=provider, reason=failure.reason)
        raise ProviderRefused from None
    profile = proven.profile
    about = (profile.subject, profile.email, profile.is_email_proven, profile.name)
    issuer = providers_of(request).clients[provider].provider.issuer
    return ProviderProof(provider, issuer, *about, proven.authenticated_at)


async def _prove(provider: str, request: Request, answer: Answer, checks: Checks) -> ProvenProfile:
    """Return what an answer proves that this browser asked for; a refusal counts for its address.

    Other answers don't: any site can have them sent. Nor does what the provider itself is to blame for.
    """
    try:
        return await providers_of(request).clients[provider].prove(answer, checks)
    except ProviderFailed as failure:
        if not failure.is_its_own:
            await parts_of(request).admission.admit_address(LimitName.PROVIDER, identify_client(request))
        raise
