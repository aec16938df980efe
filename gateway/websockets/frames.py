"""The frames of a WebSocket, as far as a tunnel has to know them (RFC 6455, section 5.2). Pure.

The gateway relays bytes and speaks no frames, but for one: the last, which tells a client why its WebSocket ends. That
can stand between two frames only, so the tunnel follows where each ends: no more is read of it than its head.
"""

_LONG, _LONGER = 126, 127  # in place of a length: it follows in 2 or in 8 bytes
_CLOSE = 0x8
_FIN = 0x80
LONGEST_REASON = 123  # bytes, of UTF-8


class FrameFollower:
    """Follows the frames in the bytes that one side sends."""

    __slots__ = ("_begun", "_left", "has_closed")

    def __init__(self) -> None:
        self._begun = b""  # of a head
        self._left = 0  # bytes of a frame that are still to come
        self.has_closed = False  # a frame said that it is the last

    @property
    def is_between(self) -> bool:
        """Whether all that came were whole frames."""
        return not self._left and not self._begun

    def feed(self, data: bytes) -> None:
        """Follow further bytes."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        position, size = self._left, len(data)
        while position < size:
            start, position = position, position + 2
            if position > size:
                self._begin(data, start)
                return
            first, length = data[start], data[start + 1] & 0x7F
            if length >= _LONG:
                end = position + (2 if length == _LONG else 8)
                length = int.from_bytes(data[position:end], "big")
                position = end
            if data[start + 1] & 0x80:  # it is masked, by four bytes
                position += 4
            if position > size:
                self._begin(data, start)
                return
            self.has_closed = self.has_closed or first & 0x0F == _CLOSE
            position += length
        self._left = position - size

    def _begin(self, data: bytes, start: int) -> None:
        self._begun, self._left = data[start:], 0


def write_close(code: int, reason: str) -> bytes:
    """Return a server's closing frame (RFC 6455, section 5.5.1)."""
    payload = code.to_bytes(2, "big") + reason.encode()[:LONGEST_REASON]
    return bytes((_FIN | _CLOSE, len(payload))) + payload
