"""The requests that are sent to next-auth and to Gatepost: to every address under ``/api/auth``, valid and invalid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.tokens.protocol import Version

Kind = Literal["json", "form", "broken"]  # the last says that it is JSON, and is a form


@dataclass(frozen=True, slots=True)
class Case:
    """One request.

    ``before`` is what the browser did: nothing, ``csrf`` (it has the csrf cookie), ``signed in``, ``signed out`` (the
    session cookie of a session that was ended is sent again). ``cookies`` are sent beside, their names without prefix;
    ``fields`` are the body's, in which ``{csrf}`` and ``{email}`` are filled in; ``JSON_MODE`` among them asks for JSON
    as the protocol's version does it.
    """

    name: str
    method: str
    path: str
    before: Literal["nothing", "csrf", "signed in", "signed out"] = "nothing"
    fields: Mapping[str, object] | None = None
    kind: Kind = "form"
    cookies: Mapping[str, str] = field(default_factory=dict)


CSRF = {"csrfToken": "{csrf}"}
JSON_MODE = {"json": "true"}
RIGHT = {"username": "{email}", "password": "correct horse battery"}
WRONG = {"username": "{email}", "password": "not the password"}
NOBODY = {"username": "nobody@example.com", "password": "correct horse battery"}
FORGED_CSRF = f"{'a' * 64}|{'b' * 64}"

SIGN_IN = "/callback/credentials"


def list_cases(version: Version) -> list[Case]:
    """Return all requests, in the order of the protocol."""
    common = [*_asking(), *_updating(), *_starting(), *_signing_in(), *_signing_out(), *_pages(), *_others()]
    return common if version == "4" else [*common, *_of_version_5()]


def _asking() -> Iterator[Case]:
    yield Case("csrf token, first time", "GET", "/csrf")
    yield Case("csrf token, again", "GET", "/csrf", "csrf")
    yield Case("csrf token, forged cookie", "GET", "/csrf", cookies={"csrf-token": FORGED_CSRF})
    yield Case("providers", "GET", "/providers")
    yield Case("session of nobody", "GET", "/session")
    yield Case("session", "GET", "/session", "signed in")
    yield Case("session, cookie of an ended one", "GET", "/session", "signed out")
    yield Case("session, nonsense as cookie", "GET", "/session", cookies={"session-token": "nonsense"})
    chunks = {"session-token.0": "non", "session-token.1": "sense"}
    yield Case("session, nonsense in chunks", "GET", "/session", cookies=chunks)


def _updating() -> Iterator[Case]:
    update = Case("update", "POST", "/session", "signed in", {**CSRF, "data": {"name": "Ada"}}, kind="json")
    yield update
    yield replace(update, name="update, no csrf token", fields={"data": {"name": "Ada"}})
    yield replace(update, name="update, nobody signed in", before="csrf")


def _starting() -> Iterator[Case]:
    place = "/signin/credentials"
    yield Case("start of sign-in, JSON mode", "POST", place, "csrf", CSRF | JSON_MODE)
    yield Case("start of sign-in, form", "POST", place, "csrf", CSRF)
    yield Case("start of sign-in, no csrf token", "POST", place, "csrf", JSON_MODE)
    yield Case("start of sign-in, no provider", "POST", "/signin", "csrf", CSRF | JSON_MODE)


def _signing_in() -> Iterator[Case]:
    right = Case("sign in", "POST", SIGN_IN, "csrf", CSRF | RIGHT | JSON_MODE)
    yield right
    yield replace(right, name="sign in, JSON body", kind="json")
    yield replace(right, name="sign in, form", fields=CSRF | RIGHT)
    yield replace(right, name="sign in, to a path", fields={**CSRF, **RIGHT, **JSON_MODE, "callbackUrl": "/userposts"})
    yield replace(
        right,
        name="sign in, to a URL of ours",
        fields={**CSRF, **RIGHT, **JSON_MODE, "callbackUrl": "{base}/userposts?a=b"},
    )
    for name, target in {
        "another site": "https://evil.example/",
        "//": "//evil.example/",
        "a script": "javascript:alert(1)",
    }.items():
        yield replace(right, name=f"sign in, to {name}", fields={**CSRF, **RIGHT, **JSON_MODE, "callbackUrl": target})
    yield replace(right, name="sign in, callback cookie", cookies={"callback-url": "{base}/userposts"})
    yield replace(right, name="sign in, foreign callback cookie", cookies={"callback-url": "https://evil.example/"})
    yield replace(right, name="sign in, signed in already", before="signed in")
    yield replace(right, name="wrong password", fields=CSRF | WRONG | JSON_MODE)
    yield replace(
        right, name="wrong password, to a path", fields={**CSRF, **WRONG, **JSON_MODE, "callbackUrl": "/userposts"}
    )
    yield replace(right, name="wrong password, form", fields=CSRF | WRONG)
    yield replace(right, name="unknown e-mail", fields=CSRF | NOBODY | JSON_MODE)
    yield replace(right, name="no password", fields=CSRF | JSON_MODE)
    yield replace(right, name="sign in, no csrf token", fields=RIGHT | JSON_MODE)
    yield replace(right, name="sign in, no csrf token, form", fields=RIGHT)
    yield replace(right, name="sign in, wrong csrf token", fields={**RIGHT, **JSON_MODE, "csrfToken": "a" * 64})
    yield replace(
        right, name="sign in, no csrf cookie", before="nothing", fields={**RIGHT, **JSON_MODE, "csrfToken": "a" * 64}
    )
    yield replace(right, name="sign in, `json` not the text", kind="json", fields={**CSRF, **RIGHT, "json": True})
    yield Case("sign in by GET", "GET", SIGN_IN, "csrf")
    yield Case("sign in, unknown provider", "POST", "/callback/nothing", "csrf", CSRF | RIGHT | JSON_MODE)


def _signing_out() -> Iterator[Case]:
    out = Case("sign out", "POST", "/signout", "signed in", CSRF | JSON_MODE)
    yield out
    yield replace(out, name="sign out, form", fields=CSRF)
    yield replace(out, name="sign out, to a path", fields={**CSRF, **JSON_MODE, "callbackUrl": "/posts/1"})
    yield replace(
        out, name="sign out, to another site", fields={**CSRF, **JSON_MODE, "callbackUrl": "https://evil.example/"}
    )
    yield replace(out, name="sign out, nobody signed in", before="csrf")
    yield replace(out, name="sign out, no csrf token", fields=JSON_MODE)
    yield replace(out, name="sign out, no csrf token, form", fields={"callbackUrl": "/"})


def _pages() -> Iterator[Case]:
    yield Case("sign-in page", "GET", "/signin")
    yield Case("sign-in page, where to", "GET", "/signin?callbackUrl=%2Fuserposts")
    yield Case("sign-in page, with an error", "GET", "/signin?error=CredentialsSignin")
    yield Case("sign-in page, signed in", "GET", "/signin", "signed in")
    yield Case("sign-in page of the provider", "GET", "/signin/credentials")
    yield Case("sign-in page of an unknown provider", "GET", "/signin/github")
    yield Case("sign-out page", "GET", "/signout", "signed in")
    for error in ("AccessDenied", "Verification", "Configuration", "CredentialsSignin", "SessionRequired", "Other"):
        yield Case(f"error page, {error}", "GET", f"/error?error={error}")
    yield Case("error page", "GET", "/error")
    yield Case("verify-request page", "GET", "/verify-request")


def _others() -> Iterator[Case]:
    yield Case("log", "POST", "/_log", fields={"level": "error", "code": "CLIENT_FETCH_ERROR"}, kind="json")
    yield Case("log, no JSON", "POST", "/_log", fields={"code": "CLIENT_FETCH_ERROR"}, kind="broken")
    yield Case("log, form", "POST", "/_log", fields={"level": "error", "code": "CLIENT_FETCH_ERROR"})
    for method in ("GET", "POST", "PUT", "DELETE"):
        yield Case(f"unknown, {method}", method, "/nothing")
    for method, path in (
        ("POST", "/csrf"),
        ("POST", "/providers"),
        ("GET", "/_log"),
        ("POST", "/error"),
        ("PUT", "/session"),
    ):
        yield Case(f"{path}, {method}", method, path)


def _of_version_5() -> Iterator[Case]:
    yield Case("a provider after an action that has none", "GET", "/session/credentials", "signed in")
    yield Case("three segments", "GET", "/callback/credentials/more")
    for error in ("MissingCSRF", "CredentialsSignin&code=credentials"):
        yield Case(f"sign-in page, {error}", "GET", f"/signin?error={error}")
