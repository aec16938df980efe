"""NextAuth's protocol in its two versions, as next-auth 4.24 and next-auth 5 speak it: all in which they differ.

``NEXTAUTH_PROTOCOL`` chooses one for the auth service and the gateway alike. Nothing else asks which one it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlencode

from shared.tokens.sealing import SealingKey, derive_check_keys_4, derive_keys_4, derive_keys_5

Version: TypeAlias = Literal["4", "5"]
Query: TypeAlias = Mapping[str, str]

WRONG_CREDENTIALS, MISSING_CSRF = "CredentialsSignin", "MissingCSRF"  # next-auth's names, in both versions
WRONG_CODE = "credentials"
DECLINED = "Callback"
FAILED_ELSEWHERE_5 = "OAuthCallbackError"
NAMED_IN_5 = {MISSING_CSRF, "AccessDenied", "Configuration", "OAuthAccountNotLinked", "Verification"}
SHOWN_AT_SIGN_IN_IN_5 = {MISSING_CSRF, "OAuthAccountNotLinked"}


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version.

    Cookies: ``cookies`` is the family of their names, ``longest_piece`` what one of them holds of a sealed session, and
    ``derive_keys`` gives the keys that follow from a secret and a cookie's name, and ``derive_check_keys`` those for
    what a browser keeps while it signs in with another provider.

    Answers: ``nobody`` is the session of nobody, and ``user_id`` the type of a user's id in a session. ``json_header``,
    or where there is none the field ``json``, asks for a URL instead of a redirect; ``fails_by_status`` says whether
    the status of such an answer tells that something failed, or the URL alone. ``name_refusal`` gives the place below
    ``/api/auth`` for an error and the way to sign in, ``name_forgery`` that for the form of a page without a verified
    csrf token, ``name_failure`` that for a sign-in with another provider, ``read_error`` the error in a place's query.
    ``unknown`` is said to what is no part of the protocol, where that is no error like any other; ``has_log`` tells
    whether clients report errors. ``openid`` is the type of a provider that speaks OpenID Connect.
    """

    cookies: str
    longest_piece: int
    derive_keys: Callable[[str, str], Sequence[SealingKey]]
    derive_check_keys: Callable[[str, str], Sequence[SealingKey]]
    nobody: Mapping[str, object] | None
    user_id: type[int] | type[str]
    json_header: str | None
    fails_by_status: bool
    name_refusal: Callable[[str, str], str]
    name_failure: Callable[[str], str]
    name_forgery: Callable[[str], str]
    read_error: Callable[[Query], str | None]
    unknown: str | None
    has_log: bool
    openid: str

    def is_json_mode(self, headers: Mapping[str, str], fields: Mapping[str, str]) -> bool:
        """Tell whether a client asks for a URL instead of a redirect."""
        return fields.get("json") == "true" if self.json_header is None else self.json_header in headers


def _name_refusal_4(error: str, way: str) -> str:
    if error == MISSING_CSRF:
        return f"/signin?csrf=true&error={error}"
    return f"/error?{urlencode({'error': error, 'provider': way})}"


def _name_refusal_5(error: str, _: str) -> str:
    """Return the place; an error that has no name there is a code beside the one that has codes."""
    if error == WRONG_CREDENTIALS:
        return f"/signin?{urlencode({'error': error, 'code': WRONG_CODE})}"
    told = {"error": error} if error in NAMED_IN_5 else {"error": WRONG_CREDENTIALS, "code": error}
    return f"/signin?{urlencode(told)}"


def _name_failure_5(error: str) -> str:
    """Return the place; an error that has no name there is a code beside the one for what went wrong elsewhere.

    Alone, that says that somebody did not sign in there, as with next-auth. The rest next-auth calls a matter of
    configuration, on a page that leads nowhere.
    """
    if error in NAMED_IN_5:
        return f"/{'signin' if error in SHOWN_AT_SIGN_IN_IN_5 else 'error'}?error={error}"
    told = {"error": FAILED_ELSEWHERE_5} | ({"code": error} if error != DECLINED else {})
    return f"/signin?{urlencode(told)}"


def _read_error_5(query: Query) -> str | None:
    error, code = query.get("error"), query.get("code")
    if error == FAILED_ELSEWHERE_5:
        return code or DECLINED
    return code if error == WRONG_CREDENTIALS and code not in {None, WRONG_CODE} else error


PROTOCOLS: Mapping[Version, Protocol] = {
    "4": Protocol(
        cookies="next-auth",
        longest_piece=3933,  # of 4096; the rest is reserved for the cookie's name and attributes
        derive_keys=derive_keys_4,
        derive_check_keys=derive_check_keys_4,
        nobody={},
        user_id=int,
        json_header=None,
        fails_by_status=True,
        name_refusal=_name_refusal_4,
        name_failure=lambda error: f"/error?error={error}",
        name_forgery=lambda page: f"/{page}?csrf=true",
        read_error=lambda query: query.get("error"),
        unknown=None,
        has_log=True,
        openid="oauth",
    ),
    "5": Protocol(
        cookies="authjs",
        longest_piece=3936,
        derive_keys=derive_keys_5,
        derive_check_keys=derive_keys_5,
        nobody=None,
        user_id=str,
        json_header="X-Auth-Return-Redirect",
        fails_by_status=False,
        name_refusal=_name_refusal_5,
        name_failure=_name_failure_5,
        name_forgery=lambda _: _name_refusal_5(MISSING_CSRF, ""),
        read_error=_read_error_5,
        unknown="Bad request.",
        has_log=False,
        openid="oidc",
    ),
}
