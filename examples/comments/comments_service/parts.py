"""The parts of the running comments service, found by every endpoint."""

from dataclasses import dataclass

from starlette.requests import Request

from shared.postgres.database import Database
from shared.tokens.form_tokens import FormTokens


@dataclass(frozen=True, slots=True)
class Parts:
    """What endpoints work with."""

    database: Database
    form_tokens: FormTokens


def parts_of(request: Request) -> Parts:
    """Return the parts of the service that a request came to."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts
