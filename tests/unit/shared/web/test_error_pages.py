"""Error pages: plain words, a next step, how long to wait, and what to quote."""

import pytest
from starlette.types import Scope

from shared import errors
from shared.errors import AppError, BadRequest, Forbidden, Throttled, Unauthorized, Unavailable
from shared.language.sentences import Sentence
from shared.observing.request_context import record_of
from shared.web.error_pages import describe_error, say_wait
from shared.web.error_responses import render_error

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]
WITH_ARGUMENTS = {errors.MethodNotAllowed: errors.MethodNotAllowed("GET"), errors.Invalid: errors.Invalid({})}


def show(error: AppError, path: str = "/userposts/3", language: str = "en") -> str:
    """Return the page of an error."""
    accepts = [(b"accept", b"text/html"), (b"accept-language", language.encode())]
    scope: Scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": accepts}
    page = bytes(render_error(scope, error).body).decode()
    assert f"<code>{record_of(scope).request_id}</code>" in page
    return page


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.__name__.startswith("_")])
def test_every_error_has_a_page(kind: type[AppError]) -> None:
    """The page of each error has one heading, its own, and names the request id, in every language."""
    error = WITH_ARGUMENTS.get(kind) or kind()
    for language in ("en", "ko"):
        page = show(error, language=language)
        assert page.count("<h1>") == 1
        assert "<h1></h1>" not in page


def test_a_401_offers_to_sign_in_and_comes_back() -> None:
    """The page of a 401 has a heading for people, and a button to the sign-in form and back; its JSON is unchanged."""
    page = show(Unauthorized())
    assert "<h1>Sign in to see this page</h1>" in page
    assert 'class="button" href="/api/auth/signin?callbackUrl=%2Fuserposts%2F3"' in page
    assert "No Authorization" not in page
    scope: Scope = {"type": "http", "method": "GET", "path": "/userposts", "headers": []}
    assert bytes(render_error(scope, Unauthorized()).body) == b'{"error":"No Authorization"}'


@pytest.mark.parametrize("kind", [Throttled, Unavailable])
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "Try again in a second."),
        (2, "Try again in 2 seconds."),
        (89, "Try again in 89 seconds."),
        (90, "Try again in 2 minutes."),
        (5399, "Try again in 90 minutes."),
        (5400, "Try again in 2 hours."),
        (86_400, "Try again in 24 hours."),
    ],
)
def test_what_passes_says_when(kind: type[Throttled | Unavailable], seconds: int, words: str) -> None:
    """A 429 and a 503 say how long to wait, never less than ``Retry-After``, in a unit that people would use."""
    assert say_wait(seconds) == words
    page = show(kind(retry_after=seconds))
    assert words in page
    assert '<a class="button" href="">Try again</a>' in page


def test_a_400_is_for_people_first() -> None:
    """A sentence for programmers is not the heading, but beside the request id, in the reader's language."""
    error = BadRequest(Sentence("The path hides a character as %{digits}", digits="75"))
    page = show(error)
    assert "<h1>This link does not work</h1>" in page
    assert "The path hides a character as %75" in page.partition('class="reference"')[2]
    assert "숨긴 문자" in show(error, language="ko").partition('class="reference"')[2]


def test_a_sentence_for_people_is_the_heading() -> None:
    """An error raised with a sentence of its own shows that as the heading, if it is meant for people."""
    assert describe_error(Forbidden("This form was open for too long")).heading == "This form was open for too long"
    assert describe_error(Unavailable("Too many people", retry_after=3)).wait == 3
