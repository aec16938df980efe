"""A sign-in with one provider: the address that a browser is led to, and what its answer proves.

The authorization code flow (RFC 6749, section 4.1; OpenID Connect Core 1.0, section 3.1) with PKCE, and with what RFC
9700 asks for. All of it takes ``SIGN_IN_TIMEOUT`` seconds: less than the service has for a request.

1. An answer counts for the browser that has its state, once, and says nothing twice.
2. An answer that names its issuer names this one; one that has to, does (RFC 9207).
3. The code goes to this provider's own token endpoint, with the verifier of this browser.
4. Who somebody is, the ID token says. For an address that it lacks the provider is asked by the access token, and must
   then speak of the same subject (OpenID Connect Core 1.0, section 5.3.2). An address and its proof are one document's.
5. The access token is dropped then, as is all else: nobody here acts for anybody there.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import quote, urlencode

from auth_service.providers.cached_document import CachedDocument
from auth_service.providers.checks import Checks, UsedStates
from auth_service.providers.file import Provider
from auth_service.providers.http import ProviderFailed, ProviderHttp
from auth_service.providers.id_token import Expected, find_authenticated_at, open_id_token, split_id_token
from auth_service.providers.metadata import Metadata, fetch_metadata, read_preset
from auth_service.providers.profiles import ABOUT_ADDRESS, Profile, ProfileRefused
from auth_service.providers.provider_keys import KeySet, fetch_keys, read_signing_key

SIGN_IN_TIMEOUT = 5.0  # seconds
LONGEST_CODE = 4096  # characters; some providers' codes are long
LONGEST_TOKEN = 16_384
_TOKEN_ERRORS = frozenset(  # RFC 6749, section 5.2; the last one is GitHub's
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "bad_verification_code"}
)

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""The parameters of a query, repeated ones included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider sends a browser back with; ``issuer`` is None where it does not say whose it is."""

    code: str = field(repr=False)
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenProfile:
    """Who somebody proved to be to a provider, and when they did, if it says so."""

    profile: Profile
    authenticated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code is exchanged for."""

    access: str = field(repr=False)
    id_token: object = field(repr=False, default=None)


class SignInDeclined(Exception):
    """The provider says that somebody did not sign in: they said no, mostly."""


class ProviderClient:
    """Speaks to one provider for us, to whom it sends browsers back at ``callback``."""

    def __init__(self, provider: Provider, callback: str, clock: Callable[[], float] = time.time) -> None:
        self.provider = provider
        self._callback = callback
        self._clock = clock
        self._http = ProviderHttp(provider)
        self._preset = read_preset(provider)
        self._metadata: CachedDocument[Metadata] = CachedDocument(lambda: fetch_metadata(provider, self._http))
        self._keys: CachedDocument[KeySet] = CachedDocument(self._fetch_keys)
        self._used = UsedStates()

    async def build_url(self, checks: Checks, wanted: Mapping[str, str], *, anew: bool = False) -> str:
        """Return the address that a browser is led to; ``wanted`` are further parameters of it. ProviderFailed.

        ``anew``: a user who is signed in there is to prove it again.
        """
        endpoint = (await self._read_metadata()).authorization
        fields = {
            **wanted,
            **dict(self.provider.anew if anew else ()),
            "client_id": self.provider.client_id,
            "response_type": "code",
            "redirect_uri": self._callback,
            "state": checks.state,
            "code_challenge": checks.challenge,
            "code_challenge_method": "S256",
        }
        if self.provider.scopes:
            fields["scope"] = " ".join(self.provider.scopes)
        if self.provider.endpoints is None:
            fields["nonce"] = checks.nonce
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(fields, quote_via=quote)}"

    async def prove(self, answer: Answer, checks: Checks) -> ProvenProfile:
        """Return who an answer proves somebody to be; ProviderFailed."""
        if not self._used.use(checks):
            raise ProviderFailed("answer_used")
        try:
            async with asyncio.timeout(SIGN_IN_TIMEOUT):
                return await self._prove(answer, checks)
        except TimeoutError:
            raise ProviderFailed("too_slow") from None
        except ProfileRefused:
            raise ProviderFailed("profile_refused") from None

    async def stop(self) -> None:
        """End what is being fetched, and close the connections."""
        await self._metadata.stop()
        await self._keys.stop()
        await self._http.close()

    async def _prove(self, answer: Answer, checks: Checks) -> ProvenProfile:
        metadata = await self._read_metadata()
        if answer.issuer != self.provider.issuer and (answer.issuer is not None or metadata.names_itself):
            raise ProviderFailed("answer_of_another_issuer")
        tokens = await self._exchange(metadata, answer.code, checks.verifier)
        if self.provider.endpoints is not None:
            authorization = {"Authorization": f"Bearer {tokens.access}"}
            documents = [
                await self._http.get_json(url, headers=authorization) for url in self.provider.endpoints.documents
            ]
            return ProvenProfile(self.provider.endpoints.read(documents))
        return await self._open(metadata, tokens, checks.nonce)

    async def _open(self, metadata: Metadata, tokens: Tokens, nonce: str) -> ProvenProfile:
        """Return what the ID token says, and the provider beside it where that lacks an address."""
        sealed = split_id_token(tokens.id_token, metadata.algorithms)
        key = await read_signing_key(self._keys, sealed.kid, sealed.algorithm)
        now = self._clock()
        claims = open_id_token(sealed, key, Expected(self.provider.issuer, self.provider.client_id, nonce), now)
        authenticated_at = find_authenticated_at(claims, now)
        if metadata.userinfo is not None and not {"email", "email_verified"} <= claims.keys():
            said = await self._ask(metadata.userinfo, tokens)
            if not isinstance(said, dict) or said.get("sub") != claims.get("sub"):
                raise ProviderFailed("userinfo_of_another_subject")
            if "email" in said:
                claims = {name: value for name, value in claims.items() if name not in ABOUT_ADDRESS} | said
        return ProvenProfile(self.provider.read(claims), authenticated_at)

    async def _ask(self, url: str, tokens: Tokens) -> object:
        return await self._http.get_json(url, headers={"Authorization": f"Bearer {tokens.access}"})

    async def _exchange(self, metadata: Metadata, code: str, verifier: str) -> Tokens:
        """Return the tokens for a code (RFC 6749, sections 2.3.1 and 4.1.3)."""
        provider, headers = self.provider, {}
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        if metadata.takes_basic:
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        return _read_tokens(*await self._http.post_form(metadata.token, fields, headers))

    async def _read_metadata(self) -> Metadata:
        return self._preset or await self._metadata.read()

    async def _fetch_keys(self) -> KeySet:
        url = (await self._read_metadata()).keys
        if url is None:
            raise ProviderFailed("metadata_without_jwks_uri")
        return await fetch_keys(url, self._http)


def read_answer(parameters: Pairs, checks: Checks | None) -> Answer:
    """Return the answer in a query, if it is to these checks; ProviderFailed, SignInDeclined."""
    sent = dict(parameters)
    if "error" in sent:  # asked first, as next-auth does: it leads to nothing but a page that says so
        raise SignInDeclined
    if len(sent) != len(parameters):
        raise ProviderFailed("answer_twice")
    if checks is None:
        raise ProviderFailed("answer_to_another_browser")
    if not checks.is_state(sent.get("state", "")):
        raise ProviderFailed("answer_of_another_state")
    code = sent.get("code", "")
    if not 0 < len(code) <= LONGEST_CODE or not code.isprintable():
        raise ProviderFailed("answer_without_code")
    return Answer(code, sent.get("iss"))


def _read_tokens(status: int, answer: object) -> Tokens:
    """Return the tokens in a token endpoint's answer (RFC 6749, section 5); GitHub says 200 to an error, too."""
    if not isinstance(answer, dict):
        raise ProviderFailed("token_no_object")
    error = answer.get("error")
    if error is not None or status != HTTPStatus.OK:
        is_known = isinstance(error, str) and error in _TOKEN_ERRORS
        raise ProviderFailed(f"token_{error}" if is_known else f"token_status_{status}")
    access, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(access, str) or not 0 < len(access) <= LONGEST_TOKEN or not _is_header_text(access):
        raise ProviderFailed("token_without_access")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderFailed("token_of_another_type")
    return Tokens(access, answer.get("id_token"))


def _is_header_text(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
