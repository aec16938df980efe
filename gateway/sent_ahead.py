"""What a client sent ahead of the answer that it waits for: kept as the bytes that came, and read request by request.

A request that waits costs as many bytes as it has, where one that was read costs some kilobytes. So of each client one
request is read and answered at a time; while more of its bytes wait here nothing is read from its connection, and these
are at most what one or two reads of a socket bring (uvloop: 250 KiB each), the rest waits with the client. Pure.
"""

END_OF_HEAD = b"\r\n\r\n"
_LINE_ENDS = b"\r\n"


class SentAhead:
    """Bytes of one client that are not read yet."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def __bool__(self) -> bool:
        return bool(self._data)

    def add(self, data: bytes) -> None:
        """Keep bytes that came."""
        self._data = self._data + data if self._data else data

    def take(self) -> bytes:
        """Return what waits, but nothing that follows the first end of a head in it."""
        data = self._data
        end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
        if end < len(END_OF_HEAD) or end == len(data):
            self._data = b""
            return data
        self._data = data[end:]
        return data[:end]

    def drop_line_ends(self) -> None:
        """Drop the empty lines that some clients send after a request (RFC 9112, 2.2)."""
        self._data = self._data.lstrip(_LINE_ENDS)

    def clear(self) -> None:
        """Drop everything."""
        self._data = b""
