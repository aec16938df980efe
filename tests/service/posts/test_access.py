"""Faulty credentials, sent directly to the posts service: always 401 or nothing, never a 500."""

import time

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from shared.auth_events.revocations import Revocations
from shared.settings import SAMPLE_SECRETS
from shared.tokens.authentication import Anonymous, authenticate
from shared.tokens.session_cookie import SessionSealer
from shared.tokens.signed import KeyRing, ServiceTokens
from tests.support.forged_tokens import list_faulty_tokens, make_claims
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.service_callers import tokens_of
from tests.support.services import PUBLIC_URL
from tests.support.verifiers import tokens

SECRET = SAMPLE_SECRETS["SECRET_KEY"]
NO_AUTHORIZATION = b'{"error":"No Authorization"}'
FAULTS = sorted(list_faulty_tokens(make_claims()))
STRAY_HEADERS = [
    b"Bearer",
    b"Bearer ",
    b"Bearer \xff\xfe",
    b"\xe4\xf6",
    b"." * 5000,
    b"Bearer Bearer",
]


async def list_as(app: Starlette, *values: bytes) -> httpx2.Response:
    """Request a user's posts with exactly these Authorization header lines, which no client library would send."""
    transport = httpx2.ASGITransport(app=app)
    headers = [(b"host", b"localhost:3000"), *((b"authorization", value) for value in values)]
    request = httpx2.Request("GET", f"{PUBLIC_URL}/api/user/7", headers=headers)
    answer = await transport.handle_async_request(request)
    await answer.aread()
    return answer


def assert_refused(answer: httpx2.Response) -> None:
    """Check that this is the one answer to any invalid token."""
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="gatepost", error="invalid_token", error_description="')


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_faulty_token_is_refused(app: Starlette, fault: str) -> None:
    """A token with this fault is refused, after Bearer and bare, if it is one word: see the next test."""
    token = list_faulty_tokens(make_claims(user_id=7))[fault].encode()
    assert_refused(await list_as(app, b"Bearer " + token))
    bare = await list_as(app, token)
    assert (bare.status_code, bare.content) == (401, NO_AUTHORIZATION)
    if token and b" " not in token:
        assert_refused(bare)


@pytest.mark.parametrize("value", [b"", b"Basic QWRhOkFkYQ==", b"Negotiate YII=", b'Digest username="Ada"'])
async def test_what_is_meant_for_somebody_else_is_no_credential(app: Starlette, value: bytes) -> None:
    """An empty header or another scheme is refused as no credential, and not as a bad token."""
    answer = await list_as(app, value)
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    assert answer.headers["www-authenticate"] == 'Bearer realm="gatepost"'


@pytest.mark.parametrize("value", STRAY_HEADERS)
async def test_a_header_without_a_token_is_refused(app: Starlette, value: bytes) -> None:
    """An Authorization header without a token is refused like one with a bad token."""
    assert_refused(await list_as(app, value))


async def test_two_credentials_are_none(app: Starlette, ada: Person) -> None:
    """Two Authorization headers are refused, even the same valid one twice: choosing one would be a guess."""
    assert_refused(await list_as(app, ada.token.encode(), ada.token.encode()))


async def test_tokens_of_another_kind_are_refused(app: Starlette) -> None:
    """A service token, a session cookie and each secret itself prove no user."""
    now = int(time.time())
    service_tokens = tokens_of(SAMPLE_SECRETS["SERVICE_SECRET"])
    kinds = [
        service_tokens.sign(caller="posts_service", callee="gatepost", now=now),
        ServiceTokens({"posts_service": KeyRing(SECRET)}).sign(caller="posts_service", callee="gatepost", now=now),
        SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], 3600).seal({"sub": "7"}, now),
        *SAMPLE_SECRETS.values(),
    ]
    for token in kinds:
        assert_refused(await list_as(app, f"Bearer {token}".encode()))


async def test_a_cookie_is_no_credential_here(client: httpx2.AsyncClient, ada: Person) -> None:
    """A session cookie or a header that anyone can type proves nothing to this service."""
    headers = {"cookie": f"next-auth.session-token={ada.token}", "x-user-id": "1", "x-forwarded-user": "1"}
    for path in ("/api/user/1", "/userposts"):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gatepost"')


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/user/1"),
        ("POST", "/api/posts"),
        ("PATCH", "/api/posts/1"),
        ("DELETE", "/api/posts/1"),
        ("GET", "/userposts"),
        ("GET", "/userposts/new"),
        ("POST", "/userposts/new"),
        ("GET", "/userposts/1"),
        ("POST", "/userposts/1"),
        ("POST", "/userposts/1/delete"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"x" * 300_000])
async def test_nothing_is_done_or_read_without_a_credential(
    client: httpx2.AsyncClient, ada: Person, method: str, path: str, body: bytes
) -> None:
    """Endpoints that need a user return 401 without one, revealing nothing about the body or what exists."""
    await write_post(client, ada, published=True)
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    assert len((await client.get("/api/posts")).json()) == 1


async def test_an_expired_token_is_called_expired(app: Starlette) -> None:
    """The challenge tells an expired token from one that was never valid, so that clients know to refresh it."""
    expired = list_faulty_tokens(make_claims())["expired"]
    answer = await list_as(app, expired.encode())
    assert answer.headers["www-authenticate"].endswith('error_description="The access token expired"')


@given(value=st.binary(max_size=200) | st.from_regex(rb"(?i)bearer [\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
@example(value=b"\0")
def test_no_header_bytes_break_the_service(value: bytes) -> None:
    """Whatever bytes are in Authorization, the caller is anonymous and nothing is raised."""
    assert isinstance(authenticate([(b"authorization", value)], tokens(), Revocations(), int(time.time())), Anonymous)
