"""The policies of the gateway that is attacked: the hardest to keep, and the same with each word that loosens it."""

from dataclasses import dataclass

OPEN_RULES = """
[upstreams]
victim = { address = "VICTIM", authorization = "token" }

[[rule]]
matcher = ["/userposts/:path*"]
access = "page"
upstream = "victim"

[[rule]]
matcher = ["/api/user/:id", "/api/me"]
methods = ["GET"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/api/posts"]
methods = ["POST"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/api/posts/:id"]
methods = ["PATCH", "DELETE"]
access = "protected"
upstream = "victim"

[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "victim"
"""
"""The policy that is hardest to keep: whatever misses a protecting rule is public and goes to the same upstream."""

_PREFIX = "/x"
_OTHER_METHODS = '["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "PURGE", "QUERY", "GETX", "Q"]'
_NAMES = '{ Remote-User = "id", Remote-Email = "email", Remote-Groups = "roles", X-Employee = "name" }'
_SIGN_UP = """
[[rule]]
matcher = ["/signup/:path*"]
access = "public"
upstream = "victim"
paths = "raw"
"""


@dataclass(frozen=True, slots=True)
class Loosened:
    """A policy with some loosening words, and what its upstream is like: one for which they are meant.

    ``prefix`` is what the upstream does not know of. ``names_callers``: it believes headers by which the policy names
    callers. ``is_about_paths``: the attacks by paths are those that matter.
    """

    rules: str
    prefix: str = ""
    checks_authorization: bool = False
    reads_session: bool = False
    names_callers: bool = False
    is_about_paths: bool = False


def _loosen(words: str = "", authorization: str = "token") -> str:
    """Return the policy whose upstream has these words as the defaults of its rules."""
    said = f'authorization = "{authorization}"' + (f", {words}" if words else "")
    return OPEN_RULES.replace('authorization = "token"', said)


def _spell(text: str) -> str:
    """Return a policy all of whose rules take other spellings, as many as they may."""
    head, *guards, everything = text.split("[[rule]]")
    loose = "".join(f'[[rule]]{guard.rstrip()}\npaths = "raw"\n\n' for guard in guards)
    return f'{head}{loose}{_SIGN_UP}\n[[rule]]{everything.rstrip()}\npaths = "encoded"\n'


def _name_methods(text: str) -> str:
    for matcher in ("/:path*", "/userposts/:path*"):
        text = text.replace(f'["{matcher}"]', f'["{matcher}"]\nmethods = {_OTHER_METHODS}')
    return text


def _put_below(text: str) -> str:
    return text.replace('["/', f'["{_PREFIX}/').replace(', "/', f', "{_PREFIX}/')


_SITES = """
hosts = "localhost"
cors = { origins = "https://app.example", credentials = true }
"""


def _keep_to_one_host(text: str) -> str:
    return text.replace('upstream = "victim"\n', f'upstream = "victim"{_SITES}')


_ALL = f'identity = {_NAMES}, cookies = "session"'
_STRIP = f'strip = "{_PREFIX}"'
_OF_ALL = dict.fromkeys(("checks_authorization", "reads_session", "names_callers", "is_about_paths"), True)

LOOSENED = {
    "authorization": Loosened(_loosen(authorization="own"), checks_authorization=True),
    "identity": Loosened(_loosen(f"identity = {_NAMES}"), names_callers=True),
    "cookies": Loosened(_loosen('cookies = "session"'), reads_session=True),
    "paths": Loosened(_spell(OPEN_RULES), is_about_paths=True),
    "methods": Loosened(_name_methods(OPEN_RULES), is_about_paths=True),
    "hosts and cors": Loosened(_keep_to_one_host(OPEN_RULES), is_about_paths=True),
    "strip": Loosened(_put_below(_loosen(_STRIP)), prefix=_PREFIX, is_about_paths=True),
    "all": Loosened(_spell(_name_methods(_loosen(_ALL, "own"))), **_OF_ALL),
    "all below a prefix": Loosened(
        _put_below(_spell(_name_methods(_loosen(f"{_ALL}, {_STRIP}", "own")))), prefix=_PREFIX, **_OF_ALL
    ),
    "all below a prefix of one host": Loosened(
        _keep_to_one_host(_put_below(_spell(_name_methods(_loosen(f"{_ALL}, {_STRIP}", "own"))))),
        prefix=_PREFIX,
        **_OF_ALL,
    ),
}
"""The policy with each word that loosens it on every rule, and with all of them."""
