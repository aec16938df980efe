"""What browsers send: the cookies of one that signed in, and the request of one that did not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from tests.benchmarks.rows import PASSWORD
from tests.benchmarks.upstreams import PUBLIC_URL
from tests.benchmarks.wrk import Ask, LoadInvalid, exchange

BROWSERS = 16
PAGE = "/userposts/1"
SESSION = "/api/auth/session"

_SESSION_COOKIE = "next-auth.session-token="
_HOST = {"Host": PUBLIC_URL.removeprefix("http://")}


def ask_for_page() -> Ask:
    """Return the request of somebody who is not signed in, for a page that only those see who are."""
    return Ask(PAGE, {**_HOST, "Accept": "text/html"})


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser in which somebody is signed in: the cookie with the session, and its other cookies."""

    session: str
    others: tuple[str, ...]

    def ask_for_session(self, session: str | None = None) -> Ask:
        """Return its request for its own session, with that cookie or another text in its place."""
        return Ask(SESSION, {**_HOST, "Cookie": "; ".join([*self.others, session or self.session])})


def sign_in_browsers(port: int) -> tuple[Browser, ...]:
    """Sign some users in at a gateway, the first one first."""
    return tuple(_sign_in(port, number) for number in range(1, BROWSERS + 1))


def check_redirect(name: str, port: int) -> Ask:
    """Return the request for the page with the body that this server answers, or raise LoadInvalid."""
    ask = ask_for_page()
    reply = exchange(port, "GET", ask.path, ask.headers)
    location = reply.headers.get("Location", "")
    if reply.status != HTTPStatus.FOUND or "/api/auth/signin?callbackUrl=" not in location:
        raise LoadInvalid(f"{name} leads nobody to the sign-in page: {reply.status} {location}")
    return Ask(ask.path, ask.headers, reply.body)


def check_sessions(name: str, port: int, browsers: Sequence[Browser]) -> None:
    """Raise LoadInvalid unless each browser is told who it is, with its access token, and is given a cookie."""
    for number, browser in enumerate(browsers, start=1):
        ask = browser.ask_for_session()
        reply = exchange(port, "GET", ask.path, ask.headers)
        user = json.loads(reply.body).get("user", {}) if reply.status == HTTPStatus.OK else {}
        sealed = [line for line in reply.headers.get_all("Set-Cookie", []) if line.startswith(_SESSION_COOKIE)]
        if user.get("email") != f"user{number}@example.com" or not user.get("accessToken") or not sealed:
            raise LoadInvalid(f"{name} does not tell browser {number} its session, sealed anew: {reply.status}")


def _sign_in(port: int, number: int) -> Browser:
    """Return the browser that this user signed in with, as next-auth's client does it."""
    offered = exchange(port, "GET", "/api/auth/csrf", _HOST)
    first = _read_cookies(offered.headers.get_all("Set-Cookie", []))
    fields = {
        "csrfToken": str(json.loads(offered.body)["csrfToken"]),
        "username": f"user{number}@example.com",
        "password": PASSWORD,
        "json": "true",
    }
    headers = {
        **_HOST,
        "Origin": PUBLIC_URL,
        "Cookie": "; ".join(first),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    reply = exchange(port, "POST", "/api/auth/callback/credentials", headers, urlencode(fields))
    if reply.status != HTTPStatus.OK:
        raise LoadInvalid(f"a browser's sign-in is answered {reply.status}")
    cookies = [*first, *_read_cookies(reply.headers.get_all("Set-Cookie", []))]
    (session,) = (cookie for cookie in cookies if cookie.startswith(_SESSION_COOKIE))
    return Browser(session, tuple(cookie for cookie in cookies if cookie != session))


def _read_cookies(lines: Sequence[str]) -> list[str]:
    return [line.partition(";")[0] for line in lines]
