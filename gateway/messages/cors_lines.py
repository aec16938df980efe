"""The header lines by which pages of other origins may read an answer (``policy.cors``). Pure."""

from gateway.gate import TellState
from gateway.messages.raw_headers import encode_lines, split_lines
from gateway.messages.request_heads import RequestHead
from gateway.policy.cors import OF_THE_SERVICE
from gateway.policy.decision import AnswerOptions, Decision


def write_cors(decision: Decision | TellState, head: RequestHead) -> bytes:
    """Return the lines that every answer to a request gets, by the rule that decides; none without ``cors``."""
    rule = None if isinstance(decision, AnswerOptions | TellState) else decision.rule
    return (
        encode_lines(rule.cors.write_headers(head.headers.raw)) if rule is not None and rule.cors is not None else b""
    )


def replace_cors(lines: bytes, cors: bytes) -> bytes:
    """Return the header lines of a service's answer with ours in the place of what it says about other origins."""
    if any(name in lines for name in OF_THE_SERVICE):
        lines = encode_lines(header for header in split_lines(lines) if header[0] not in OF_THE_SERVICE)
    return lines + cors
