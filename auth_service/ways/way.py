"""What a way to sign in is. A module of this folder describes one by its ``WAY``, and ``registry`` lists them.

Everything visible of a way follows from that: ``GET /api/auth/providers`` names it, the sign-in page shows its form, or
a button that starts it, ``POST /api/auth/signin/<id>`` leads to where it begins, and it turns what is sent to ``POST
/api/auth/callback/<id>`` into a proof. Forms carry the browser's csrf token, which is verified before the way is
called. What follows a proof is the same for all: ``signing_in``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from auth_service.providers.identities import ProviderProof
from auth_service.signing_in import LinkProof, Proof
from shared.language.sentences import Sentence

Fields: TypeAlias = Mapping[str, str]
"""The text fields of a form or of a JSON body."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a way leads that begins elsewhere, and the cookies by which the browser is known when it comes back."""

    url: str
    cookies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """A way to sign in, under the ``id`` that next-auth's client knows it by; ``type`` is its kind to that client.

    ``read_proof`` turns what was sent into a proof; InvalidCredentials when it can't be one. ``form`` is the template
    for its fields on the sign-in page; without one there is a button. What is sent is the proof, unless there is a
    ``begin``: that takes it, and returns where it leads. ``button`` is the text on the button, and ``show_callback``
    the page for a browser that is led back here. Only another provider's way ``is_led_back`` with the proof in the
    query: any other that signs in by GET would lack the checks in the browser's cookies.
    """

    id: str
    name: str
    type: str
    read_proof: Callable[[Request, Fields], Awaitable[Proof | LinkProof | ProviderProof]]
    form: str | None = None
    begin: Callable[[Request, Fields], Awaitable[Begun]] | None = None
    show_callback: Callable[[Request], Awaitable[Response]] | None = None
    button: Sentence | None = None
    is_led_back: bool = False

    @property
    def start_path(self) -> str:
        """Where the way begins."""
        return f"/api/auth/signin/{self.id}"

    @property
    def callback_path(self) -> str:
        """Where its proof is sent."""
        return f"/api/auth/callback/{self.id}"
