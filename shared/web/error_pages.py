"""The text of an error page: a heading, what to do now, and how long to wait. Pure.

JSON answers keep the error's own sentence. One that only programmers understand ("The path hides a character as %75")
is shown in small print, as a detail to quote with the request id.
"""

import math
from dataclasses import dataclass, replace

from shared.errors import AppError, Unauthorized
from shared.language.sentences import Sentence

FOR_PROGRAMMERS = frozenset({400, 405, 408, 411, 413, 414, 415, 422, 431})
"""Statuses whose own sentences speak of headers, bodies and paths."""


@dataclass(frozen=True, slots=True)
class Words:
    """A heading, what to do, and small print; ``wait`` is in seconds, None where waiting does not help."""

    heading: str
    advice: str = ""
    detail: str = ""
    wait: int | None = None


_CHECK_LINK = Sentence("Check the link, or go back and start again from there.")
_GO_BACK = Sentence("Go back and try again from the page you came from.")
_OURS = Sentence("This is not your fault. Please try again. If it keeps happening, tell us the request ID below.")
_WORDS = {
    400: Words(Sentence("This link does not work"), _CHECK_LINK),
    401: Words(Sentence("Sign in to see this page"), Sentence("You are not signed in, or your session has ended.")),
    403: Words(
        Sentence("You don't have access to this page"), Sentence("If you have another account, sign in with that one.")
    ),
    404: Words(
        Sentence("Page not found"), Sentence("The address may be mistyped, or the page was deleted or is private.")
    ),
    405: Words(Sentence("This can't be done here"), _GO_BACK),
    408: Words(Sentence("The connection was too slow"), Sentence("What you sent did not arrive in time. Try again.")),
    409: Words(Sentence("This conflicts with another change"), _GO_BACK),
    412: Words(Sentence("It was changed since you opened it"), _GO_BACK),
    413: Words(Sentence("That is too much to send at once"), Sentence("Go back, shorten it, and send it again.")),
    414: Words(Sentence("The address is too long"), _CHECK_LINK),
    422: Words(Sentence("This link does not work"), _CHECK_LINK),
    429: Words(Sentence("Too many attempts")),
    500: Words(Sentence("Something went wrong on our side"), _OURS),
    502: Words(Sentence("This page is not working right now"), _OURS),
    503: Words(Sentence("This page is not available right now")),
    504: Words(Sentence("This page took too long to answer"), _OURS),
}
_UNSAVED = Words(
    Sentence("You were signed out, so this was not saved"),
    Sentence("Sign in in a new tab. Then go back in your browser here: what you typed is still there. Send it again."),
)
_UNUSUAL = Words(Sentence("This request can't be understood"), _GO_BACK)
_MINUTE, _HOUR = 60, 3600  # seconds
_LEAST_SAID = 90  # of the smaller unit, before the larger one is used, so that it never says "1 minutes"


def describe_error(error: AppError, method: str = "GET") -> Words:
    """Return the text of an error's page. A form that was sent after its session had ended was typed by somebody."""
    words, wait = _WORDS.get(error.status, _UNUSUAL), error.headers.get("Retry-After")
    if error.status == Unauthorized.status and method == "POST":
        words = _UNSAVED
    if error.message != error.sentence:
        is_detail = error.status in FOR_PROGRAMMERS
        words = replace(words, detail=error.message) if is_detail else Words(error.message)
    return replace(words, wait=int(wait) if wait else None)


def say_wait(seconds: int) -> Sentence:
    """Return when to try again, in the unit that a person would use."""
    if seconds <= 1:
        return Sentence("Try again in a second.")
    if seconds < _LEAST_SAID:
        return Sentence("Try again in {count} seconds.", count=seconds)
    if seconds < _LEAST_SAID * _MINUTE:
        return Sentence("Try again in {count} minutes.", count=math.ceil(seconds / _MINUTE))
    return Sentence("Try again in {count} hours.", count=math.ceil(seconds / _HOUR))
