"""A signed challenge by which ``doctor`` finds out whether the public URL leads to its own service. Pure.

``doctor`` sends the question through whatever stands in front, and the running process answers with what arrived of the
request. The question is signed, so that nobody else learns that; the answer is signed, so that nobody else can give it.
Both by HMAC-SHA256 (RFC 2104) with a secret that only this service has, each for its own purpose.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

QUESTION_HEADER = "X-Gatepost-Doctor"
GOOD_FOR = 60  # seconds
LONGEST = 200  # characters


@dataclass(frozen=True, slots=True)
class DoctorQuestions:
    """Makes and checks questions, and signs answers, with the service's own secret."""

    secret: str

    def ask(self, now: int) -> str:
        """Return a fresh question; ``now`` is in Unix seconds."""
        text = f"{now}.{secrets.token_hex(16)}"
        return f"{text}.{self._hash('question', text)}"

    def is_asked(self, question: str, now: int) -> bool:
        """Tell whether we signed a question, at most ``GOOD_FOR`` seconds from ``now``."""
        text, _, signature = question.rpartition(".")
        ours = self._hash("question", text).encode()
        if len(question) > LONGEST or not hmac.compare_digest(ours, signature.encode()):
            return False
        return abs(now - int(text.partition(".")[0])) <= GOOD_FOR

    def sign(self, question: str, answer: str) -> str:
        """Return the signature of an answer, which is valid for this question alone."""
        return self._hash("answer", f"{question}\0{answer}")

    def _hash(self, purpose: str, text: str) -> str:
        return hmac.new(self.secret.encode(), f"doctor {purpose}\0{text}".encode(), hashlib.sha256).hexdigest()
