"""What a way to sign in is. A module of this folder describes one by its ``WAY``, and ``registry`` lists them.

Everything visible of a way follows from that: ``GET /api/auth/providers`` names it, the sign-in page shows its form, or
a button that starts it, ``POST /api/auth/signin/<id>`` leads to where it begins, and it turns what is sent to ``POST
/api/auth/callback/<id>`` into a proof. Forms carry the browser's csrf token, which is verified before the way is
called. What follows a proof is the same for all: ``signing_in``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from auth_service.signing_in import LinkProof, Proof
from shared.language.sentences import Sentence

Fields: TypeAlias = Mapping[str, str]
"""The text fields of a form or of a JSON body."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to sign in, under the ``id`` that next-auth's client knows it by; ``type`` is its kind to that client.

    ``read_proof`` turns what was sent into a proof; InvalidCredentials when it can't be one. ``form`` is the template
    for its fields on the sign-in page; without one there is a button. What is sent is the proof, unless there is a
    ``begin``: that takes it, and returns the URL that it leads to. ``button`` is the text on the button, and
    ``show_callback`` the page for a browser that is led back here.
    """

    id: str
    name: str
    type: str
    read_proof: Callable[[Request, Fields], Awaitable[Proof | LinkProof]]
    form: str | None = None
    begin: Callable[[Request, Fields], Awaitable[str]] | None = None
    show_callback: Callable[[Request], Awaitable[Response]] | None = None
    button: Sentence | None = None

    @property
    def start_path(self) -> str:
        """Where the way begins."""
        return f"/api/auth/signin/{self.id}"

    @property
    def callback_path(self) -> str:
        """Where its proof is sent."""
        return f"/api/auth/callback/{self.id}"
