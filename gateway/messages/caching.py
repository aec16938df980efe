"""What is said to caches about an answer that depends on who asks, and whose upstream says nothing itself. Pure.

An answer with a validator (RFC 9111, section 4.3), such as a static file, may be stored by the client alone, which
revalidates it before each use: so a file is not loaded again for each page. Anything else is not stored at all.
"""

from gateway.messages.answer_heads import AnswerHead

NO_STORE = b"cache-control: no-store\r\n"
ASK_EACH_TIME = b"cache-control: private, no-cache\r\n"

_ETAG, _LAST_MODIFIED = b"\netag: ", b"\nlast-modified: "
_NOT_MODIFIED = 304


def choose_caching(head: AnswerHead) -> bytes:
    """Return the header line to add to an answer that depends on who asks; nothing where it says what caches may do."""
    if head.says_caching:
        return b""
    lines = b"\n" + head.lines
    can_be_checked = head.status == _NOT_MODIFIED or _ETAG in lines or _LAST_MODIFIED in lines
    return ASK_EACH_TIME if can_be_checked else NO_STORE
