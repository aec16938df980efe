"""The answer to ``doctor``, which asks the gateway for itself by the public URL: what arrived of its request.

On ``/livez``, in a header, signed; only to a question that the gateway's own secret has signed
(``shared/doctor/questions.py``).
"""

import json
import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.callers.client_address import Network, is_trusted
from gateway.settings import GatewaySettings
from shared.auth_events.contract import GATEWAY
from shared.doctor.questions import QUESTION_HEADER, DoctorQuestions

ASKED_AT = "/livez"
ANSWER_HEADER = "X-Gatepost-Doctor-Answer"
SIGNATURE_HEADER = "X-Gatepost-Doctor-Signature"
LONGEST_SHOWN = 500  # characters of what arrived


def build_questions(settings: GatewaySettings) -> DoctorQuestions:
    """Return what asks the gateway with these settings, and is answered by it."""
    return DoctorQuestions(settings.list_secrets(GATEWAY)[0])


class DoctorMiddleware:
    """Adds the answer where there is a question."""

    def __init__(self, app: ASGIApp, questions: DoctorQuestions, trusted: tuple[Network, ...]) -> None:
        self._app = app
        self._questions = questions
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        question = read_question(scope) if scope["type"] == "http" and scope["path"] == ASKED_AT else ""
        if not question or not self._questions.is_asked(question, int(time.time())):
            await self._app(scope, receive, send)
            return
        told = json.dumps(describe(Request(scope), self._trusted))
        lines = {ANSWER_HEADER: told, SIGNATURE_HEADER: self._questions.sign(question, told)}

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, add)


def read_question(scope: Scope) -> str:
    """Return the question of a request, empty where there is none."""
    return Request(scope).headers.get(QUESTION_HEADER, "")


def describe(request: Request, trusted: tuple[Network, ...]) -> dict[str, object]:
    """Return what arrived: the peer's address, whether it is trusted, and for whom and to which host it was sent."""
    peer = request.client.host if request.client is not None else ""
    forwarded = ", ".join(request.headers.getlist("x-forwarded-for"))
    return {
        "peer": peer,
        "isTrusted": bool(peer) and is_trusted(peer, trusted),
        "forwardedFor": forwarded[:LONGEST_SHOWN],
        "host": request.headers.get("host", "")[:LONGEST_SHOWN],
    }
