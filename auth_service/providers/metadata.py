"""Where a provider is asked for what, as it publishes it (OpenID Connect Discovery 1.0, RFC 8414).

1. The document speaks for the issuer that is configured, to the letter (Discovery, section 4.3; RFC 8414, section 3.3):
   any other belongs to somebody else, who would be taken for this one (mix-up).
2. Its endpoints are at the origins that are configured, so it can't make us call or lead anybody anywhere else.
3. Of the algorithms for ID tokens those count that are on our list, too: none is never among them, nor any by a shared
   secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auth_service.providers.file import Provider, origin_of
from auth_service.providers.http import ProviderFailed, ProviderHttp

DISCOVERY_PATH = "/.well-known/openid-configuration"
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA", "Ed25519")
"""What may sign an ID token (RFC 7518, section 3.1; RFC 8037; RFC 9864)."""

LONGEST_URL = 2000  # characters


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's endpoints, and what it can do.

    ``keys`` and ``algorithms`` are there where it has ID tokens; ``userinfo`` may be there then. It ``names_itself``
    where each of its answers says whose it is (RFC 9207); it ``takes_basic`` where the client proves itself by HTTP
    Basic, and else by fields of the form.
    """

    authorization: str
    token: str
    keys: str | None = None
    userinfo: str | None = None
    algorithms: tuple[str, ...] = ()
    names_itself: bool = False
    takes_basic: bool = False


async def fetch_metadata(provider: Provider, http: ProviderHttp) -> Metadata:
    """Return what a provider publishes; ProviderFailed."""
    return read_metadata(await http.get_json(provider.issuer.removesuffix("/") + DISCOVERY_PATH), provider)


def read_preset(provider: Provider) -> Metadata | None:
    """Return what is known of a provider beforehand; None where it publishes it."""
    if provider.endpoints is None:
        return None
    return Metadata(provider.endpoints.authorization, provider.endpoints.token)


def read_metadata(document: object, provider: Provider) -> Metadata:
    """Return what a document says of this provider; ProviderFailed when it is not its own, or lacks something."""
    if not isinstance(document, dict):
        raise ProviderFailed("metadata_no_object")
    if document.get("issuer") != provider.issuer:
        raise ProviderFailed("metadata_of_another_issuer")
    if "code" not in _list_texts(document, "response_types_supported", default=("code",)):
        raise ProviderFailed("metadata_without_code")
    supported = _list_texts(document, "id_token_signing_alg_values_supported", default=("RS256",))
    algorithms = tuple(each for each in ALGORITHMS if each in supported)
    if not algorithms:
        raise ProviderFailed("metadata_without_algorithm")
    methods = _list_texts(
        document, "token_endpoint_auth_methods_supported", default=("client_secret_basic",)
    )  # RFC 8414, section 2
    return Metadata(
        _read_url(document, "authorization_endpoint", provider),
        _read_url(document, "token_endpoint", provider),
        _read_url(document, "jwks_uri", provider),
        _read_url(document, "userinfo_endpoint", provider) if "userinfo_endpoint" in document else None,
        algorithms,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        takes_basic="client_secret_basic" in methods,
    )


def _read_url(document: Mapping[str, object], name: str, provider: Provider) -> str:
    """Return an endpoint at one of the provider's origins."""
    url = document.get(name)
    if not isinstance(url, str) or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or "#" in url:
        raise ProviderFailed(f"metadata_without_{name}")
    if origin_of(url) not in provider.origins:
        raise ProviderFailed("metadata_leads_elsewhere")
    return url


def _list_texts(document: Mapping[str, object], name: str, *, default: tuple[str, ...]) -> tuple[str, ...]:
    listed = document.get(name)
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else default
