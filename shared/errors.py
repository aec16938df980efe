"""Every error that a client can see. Code raises; it never builds an error response: ``error_responses`` does.

The tree:

    AppError
      BadRequest 400              not JSON, a refused path, bad framing
      Unauthorized 401            no valid credential; carries the challenge (RFC 6750, section 3)
      Forbidden 403               known, but not allowed
      NotFound 404                absent, or private and not the caller's
      MethodNotAllowed 405        carries Allow (RFC 9110, section 15.5.6)
      RequestTimeout 408          it did not come in time
      Conflict 409
      PreconditionFailed 412      If-Match did not hold
      BodyTooLarge 413
      UriTooLong 414
      UnsupportedMediaType 415
      Invalid 422                 well-formed, but wrong; ``fields`` names each member and what is wrong
      Throttled 429               carries Retry-After
      HeadersTooLarge 431
      UpstreamFailed 502          the service behind failed
      Unavailable 503             overloaded or not there yet; carries Retry-After
      UpstreamTimeout 504         the service behind is slow

Any other exception is a bug of ours: 500, with no detail.
"""

from collections.abc import Mapping
from typing import ClassVar

REALM = 'Bearer realm="gatepost"'


class AppError(Exception):
    """An error with a status, a sentence for a person, headers, and facts that join the body.

    ``logged`` says why it was raised to the log alone, where the sentence must not.
    """

    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        sentence: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, object] | None = None,
        logged: str | None = None,
    ) -> None:
        self.message = sentence or self.sentence
        self.logged = logged
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})
        super().__init__(self.message)


class BadRequest(AppError):
    """400: the request can't be understood."""

    status = 400
    sentence = "The request can't be understood"


class Unauthorized(AppError):
    """401: no valid credential. The body is always the same; ``challenge`` says why (RFC 6750, section 3)."""

    status = 401
    sentence = "No Authorization"

    def __init__(self, sentence: str | None = None, *, challenge: str = REALM) -> None:
        super().__init__(sentence, headers={"WWW-Authenticate": challenge})


class Forbidden(AppError):
    """403: the caller is known, but not allowed."""

    status = 403
    sentence = "You are not allowed to do this"


class NotFound(AppError):
    """404: absent, or private and not the caller's."""

    status = 404
    sentence = "There is nothing here"


class MethodNotAllowed(AppError):
    """405: the path exists, but not with this method."""

    status = 405
    sentence = "This method is not allowed here"

    def __init__(self, allowed: str) -> None:
        super().__init__(headers={"Allow": allowed})


class RequestTimeout(AppError):
    """408: the request did not come in time."""

    status = 408
    sentence = "The request took too long to arrive"


class Conflict(AppError):
    """409: it conflicts with something that is already there."""

    status = 409
    sentence = "This conflicts with what is already there"


class PreconditionFailed(AppError):
    """412: it was changed since the caller read it."""

    status = 412
    sentence = "It was changed since you read it"


class BodyTooLarge(AppError):
    """413: the body is longer than is accepted here."""

    status = 413
    sentence = "The body is too large"


class UriTooLong(AppError):
    """414: the path or the query is longer than is accepted here."""

    status = 414
    sentence = "The address is too long"


class UnsupportedMediaType(AppError):
    """415: the body has a type that is not accepted here."""

    status = 415
    sentence = "Send application/json"


class Invalid(AppError):
    """422: well-formed, but wrong. ``fields`` maps each member to what is wrong with it."""

    status = 422
    sentence = "Some fields are not right"

    def __init__(self, fields: Mapping[str, str], sentence: str | None = None) -> None:
        self.fields = dict(fields)
        super().__init__(sentence, facts={"fields": self.fields})


class _Later(AppError):
    """A temporary error: says in how many seconds to try again, in a header and in the body."""

    def __init__(self, sentence: str | None = None, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(sentence, headers={"Retry-After": str(retry_after)}, facts={"retryAfter": retry_after})


class Throttled(_Later):
    """429: too many tries; ``retry_after`` in seconds."""

    status = 429
    sentence = "Too many attempts. Try again later"


class HeadersTooLarge(AppError):
    """431: too many headers, or too long ones."""

    status = 431
    sentence = "The request's headers are too large"


class UpstreamFailed(AppError):
    """502: the service behind failed."""

    status = 502
    sentence = "The service behind this page failed. Try again"


class Unavailable(_Later):
    """503: overloaded, or not there yet; ``retry_after`` in seconds."""

    status = 503
    sentence = "The service is not available right now. Try again"


class UpstreamTimeout(AppError):
    """504: the service behind is too slow."""

    status = 504
    sentence = "The service behind this page took too long. Try again"
