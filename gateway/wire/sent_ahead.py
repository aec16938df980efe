"""What a client sent ahead of the answer that it waits for: kept as the bytes that came, and read request by request.

A request that waits costs as many bytes as it has, where one that was read costs some kilobytes. So of each client one
request is read and answered at a time; while more of its bytes wait here nothing is read from its connection, and these
are at most what one or two reads of a socket bring (uvloop: 250 KiB each), the rest waits with the client. Pure.
"""

END_OF_HEAD = b"\r\n\r\n"
_LINE_ENDS = b"\r\n"


class SentAhead:
    """Bytes of one client that are not read yet."""

    __slots__ = ("_begin", "_data")

    def __init__(self) -> None:
        self._data = b""
        self._begin = 0  # of what is not taken; moving it costs less than cutting the bytes each time

    def __bool__(self) -> bool:
        return self._begin < len(self._data)

    def add(self, data: bytes) -> None:
        """Keep bytes that came."""
        self._keep(self._data[self._begin :] + data if self else data)

    def take(self, least: int = 0) -> bytes:
        """Return what waits, but nothing that follows the first end of a head after ``least`` bytes of it.

        ``least`` is for a body, which may consist of such ends: it must not be read in as many pieces.
        """
        data, begin = self._data, self._begin
        found = data.find(END_OF_HEAD, begin + least)
        self._begin = len(data) if found < 0 else found + len(END_OF_HEAD)
        taken = data[begin : self._begin]
        if not self:
            self.clear()
        return taken

    def drop_line_ends(self) -> None:
        """Drop the empty lines that some clients send after a request (RFC 9112, 2.2)."""
        self._keep(self._data[self._begin :].lstrip(_LINE_ENDS))

    def clear(self) -> None:
        """Drop everything."""
        self._keep(b"")

    def _keep(self, data: bytes) -> None:
        self._data = data
        self._begin = 0
