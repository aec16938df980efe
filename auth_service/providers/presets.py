"""Providers that are known by name: where they are, and how they say who somebody is. Data.

google and kakao speak OpenID Connect, and publish where the rest is. github and naver speak OAuth 2.0 (RFC 6749) alone:
they have no ID token, so who somebody is, they are asked with the access token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from auth_service.providers.profiles import (
    ReadClaims,
    ReadProfile,
    read_claims,
    read_github,
    read_google,
    read_naver,
)

OPENID_SCOPES = ("openid", "email", "profile")

Fields: TypeAlias = tuple[tuple[str, str], ...]

LOG_IN_ANEW: Fields = (("prompt", "login"), ("max_age", "0"))
"""What asks for proof again, and when it was given (OpenID Connect Core 1.0, section 3.1.2.1)."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked that publishes nothing; ``documents`` say who somebody is, and ``read`` reads them."""

    authorization: str
    token: str
    documents: tuple[str, ...]
    read: ReadProfile


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of a provider; ``origins`` are those beyond its issuer's that its endpoints are at.

    ``anew`` is what asks it that somebody prove again who they are, or comes nearest to that: Google and GitHub only
    let them choose an account. ``read`` reads the claims where there are no ``endpoints``.
    """

    name: str
    issuer: str
    scopes: tuple[str, ...]
    origins: tuple[str, ...] = ()
    endpoints: Endpoints | None = None
    anew: Fields = LOG_IN_ANEW
    read: ReadClaims = read_claims


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "google": Preset(
            "Google",
            "https://accounts.google.com",
            OPENID_SCOPES,
            (
                "https://oauth2.googleapis.com",
                "https://openidconnect.googleapis.com",
                "https://www.googleapis.com",
            ),
            anew=(("prompt", "select_account"),),
            read=read_google,
        ),
        "kakao": Preset(
            "Kakao",
            "https://kauth.kakao.com",
            ("openid", "profile_nickname", "account_email"),
            ("https://kapi.kakao.com",),
        ),
        "github": Preset(
            "GitHub",
            "https://github.com/login/oauth",
            ("read:user", "user:email"),
            ("https://api.github.com",),
            Endpoints(
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
                ("https://api.github.com/user", "https://api.github.com/user/emails"),
                read_github,
            ),
            (("prompt", "select_account"),),
        ),
        "naver": Preset(
            "Naver",
            "https://nid.naver.com",
            (),
            ("https://openapi.naver.com",),
            Endpoints(
                "https://nid.naver.com/oauth2.0/authorize",
                "https://nid.naver.com/oauth2.0/token",
                ("https://openapi.naver.com/v1/nid/me",),
                read_naver,
            ),
            (("auth_type", "reauthenticate"),),
        ),
    }
)
