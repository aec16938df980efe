"""Who somebody is to a provider: its documents about them in, a profile out. Pure.

1. Somebody is named by the subject alone: what never changes and is never given to anybody else (OpenID Connect Core
   1.0, section 5.7). Addresses and names may change hands.
2. An address counts as proven only where the provider says so in so many words. GitHub says it of each address in its
   list, of which the primary one is taken. Naver says it of none: its users name any contact address. Google says it of
   any address that was once proven to it, but is the authority only for its own and those of Workspace domains.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from auth_service.mail.addresses import check_email

LONGEST_SUBJECT = 255  # characters (OpenID Connect Core 1.0, section 2)
ABOUT_ADDRESS = frozenset({"email", "email_verified", "hd"})
"""The claims of an address and its proof: worth something only beside each other."""


class ProfileRefused(ValueError):
    """Documents that do not say who somebody is; the text says why, and nothing of what they hold."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Somebody as a provider knows them; ``email`` is None where it gives none that we could write to."""

    subject: str
    email: str | None = None
    is_email_proven: bool = False
    name: str = ""


ReadClaims: TypeAlias = Callable[[Mapping[str, object]], Profile]
"""Reads the claims of a provider that speaks OpenID Connect."""

ReadProfile: TypeAlias = Callable[[Sequence[object]], Profile]
"""Reads the documents of a provider, in the order in which it has them."""


def read_claims(claims: Mapping[str, object]) -> Profile:
    """Return the profile in the standard claims (OpenID Connect Core 1.0, section 5.1)."""
    email = _read_email(claims.get("email"))
    is_proven = email is not None and claims.get("email_verified") is True
    name = _first_text(claims, "name", "nickname", "preferred_username")
    return Profile(_read_subject(claims.get("sub")), email, is_proven, name)


def read_google(claims: Mapping[str, object]) -> Profile:
    """Return the profile in Google's claims: it vouches for addresses of its own, and of its Workspace (``hd``)."""
    profile = read_claims(claims)
    domain = claims.get("hd")
    is_theirs = (profile.email or "").lower().endswith("@gmail.com") or (isinstance(domain, str) and domain != "")
    return replace(profile, is_email_proven=profile.is_email_proven and is_theirs)


def read_github(documents: Sequence[object]) -> Profile:
    """Return the profile in GitHub's ``/user`` and ``/user/emails``."""
    about, listed = documents
    user = _read_object(about)
    number = user.get("id")
    if type(number) is not int or number <= 0:
        raise ProfileRefused("no id of a user")
    name = _first_text(user, "name", "login")
    for each in listed if isinstance(listed, list) else ():
        entry = _read_object(each)
        if entry.get("primary") is True:
            email = _read_email(entry.get("email"))
            return Profile(str(number), email, email is not None and entry.get("verified") is True, name)
    return Profile(str(number), None, is_email_proven=False, name=name)


def read_naver(documents: Sequence[object]) -> Profile:
    """Return the profile in Naver's ``/v1/nid/me``, whose address is never proven."""
    (about,) = documents
    answer = _read_object(about)
    user = _read_object(answer.get("response"))
    if answer.get("resultcode") != "00":
        raise ProfileRefused("an answer that is no success")
    email = _read_email(user.get("email"))
    return Profile(_read_subject(user.get("id")), email, name=_first_text(user, "name", "nickname"))


def _read_object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ProfileRefused("a document that is no object")
    return value


def _read_subject(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SUBJECT or not value.isprintable():
        raise ProfileRefused("no subject")
    return value


def _read_email(value: object) -> str | None:
    try:
        return check_email(value) if isinstance(value, str) and value.isprintable() else None
    except ValueError:
        return None


def _first_text(members: Mapping[str, object], *names: str) -> str:
    values = (members.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")
