"""What must hold before a server is measured: one that answers wrongly, or lets anybody in, is no contender."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from json import loads

from tests.benchmarks.upstreams import TOKEN_TTL, Keys, request_headers, sign_tokens
from tests.benchmarks.wrk import Ask, LoadInvalid, fetch

SIZE_TOLERANCE = 0.03

_MOMENTS = ("createdAt", "updatedAt")


def check_answers(name: str, port: int, asks: Sequence[Ask]) -> None:
    """Raise LoadInvalid unless the server answers each request with exactly the body expected."""
    for ask in asks:
        if fetch(port, ask.path, ask.headers) != (HTTPStatus.OK, ask.body):
            raise LoadInvalid(f"{name} does not answer {ask.path} with what the upstream says")


def learn_answers(name: str, port: int, asks: Sequence[Ask]) -> tuple[Ask, ...]:
    """Return the requests with the bodies that this server answers: the same posts, spelled its own way."""
    return tuple(_learn_answer(name, port, ask) for ask in asks)


def check_refusals(name: str, port: int, ask: Ask, keys: Keys) -> None:
    """Raise LoadInvalid unless a token that is missing, forged or expired is answered 401."""
    bad = {"forged": sign_tokens(Keys())[0], "expired": sign_tokens(keys, age=TOKEN_TTL + 60)[0]}
    refusals = {kind: request_headers(token) for kind, token in bad.items()}
    anonymous = {name: value for name, value in ask.headers.items() if name != "Authorization"}
    for kind, headers in {**refusals, "missing": anonymous}.items():
        status, _ = fetch(port, ask.path, headers)
        if status != HTTPStatus.UNAUTHORIZED:
            raise LoadInvalid(f"{name} answers a request whose token is {kind} with {status}, not with 401")


def check_size(name: str, size: int, expected: float) -> None:
    """Raise LoadInvalid unless a body is about as long as it is elsewhere, so that nobody sends less."""
    if not 1 - SIZE_TOLERANCE < size / expected < 1 + SIZE_TOLERANCE:
        raise LoadInvalid(f"{name} answers {size} bytes where others answer {expected:.0f}")


def read_posts(body: bytes) -> list[dict[str, object]]:
    """Return the posts of an answer so that they can be compared: moments as moments, however they are spelled."""
    posts: list[dict[str, object]] = loads(body)
    return [{**post, **{name: datetime.fromisoformat(str(post[name])) for name in _MOMENTS}} for post in posts]


def _learn_answer(name: str, port: int, ask: Ask) -> Ask:
    status, body = fetch(port, ask.path, ask.headers)
    if status != HTTPStatus.OK:
        raise LoadInvalid(f"{name} answers {ask.path} with {status}")
    if read_posts(body) != read_posts(ask.body):
        raise LoadInvalid(f"{name} does not answer {ask.path} with the same posts")
    return Ask(ask.path, ask.headers, body)
