"""Header fields as they stand in a message: names in lower case, values as bytes (RFC 9110, section 5). Pure."""

from collections.abc import Iterable

from shared.web.sites import name_of

RawHeader = tuple[bytes, bytes]
END_OF_HEAD = b"\r\n\r\n"


def encode_lines(headers: Iterable[RawHeader]) -> bytes:
    """Return header lines as they are sent (RFC 9112, section 5)."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def split_lines(lines: bytes) -> list[RawHeader]:
    """Return the headers that ``encode_lines`` wrote."""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])]


def list_values(headers: Iterable[RawHeader], wanted: bytes) -> list[bytes]:
    """Return the values of all headers with one name."""
    return [value for name, value in headers if name == wanted]


def list_words(headers: Iterable[RawHeader], wanted: bytes) -> frozenset[bytes]:
    """Return the words of all lists in the headers with one name, in lower case (RFC 9110, section 5.6.1)."""
    values = list_values(headers, wanted)
    return frozenset(word.strip(b" \t") for word in b",".join(values).lower().split(b",")) if values else frozenset()


def find_host_name(headers: Iterable[RawHeader]) -> str | None:
    """Return the name of the host that is asked, in lower case and without its port."""
    values = list_values(headers, b"host")
    return name_of(values[0].decode("latin-1").lower()) or None if values else None


def write_name(name: str) -> str:
    """Return a header's name as people write it."""
    return "-".join(map(str.capitalize, name.split("-")))


def is_event_stream(headers: Iterable[RawHeader]) -> bool:
    """Tell whether an answer is a stream of server-sent events (HTML, 9.2.5)."""
    types = list_values(headers, b"content-type")
    return any(value.partition(b";")[0].strip().lower() == b"text/event-stream" for value in types)
