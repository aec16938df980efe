"""The ledger of the experiments: it must notice what it is there to notice."""

import pytest

from tests.faults.ledger import Ledger, Seen, Written, judge_posts

ACKNOWLEDGED = Written("kept", ["as changed"], post_id=7)
UNKNOWN = Written("perhaps", ["as written"])


@pytest.mark.parametrize(
    "found", [[(7, "kept", "as changed")], [(7, "kept", "as changed"), (8, "perhaps", "as written")]]
)
def test_what_may_be(found: list[tuple[int, str, str]]) -> None:
    """A write whose answer was lost may be there or not; one that was acknowledged is there."""
    assert judge_posts([ACKNOWLEDGED, UNKNOWN], found) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([], "kept was acknowledged and is lost"),
        ([(7, "kept", "as changed"), (9, "kept", "as changed")], "kept is there 2 times"),
        ([(9, "kept", "as changed")], "kept was acknowledged under another id"),
        ([(7, "kept", "as written")], "kept has a content that nobody gave it last"),
        ([(7, "kept", "as changed"), (9, "strange", "")], "strange was written by nobody"),
    ],
)
def test_what_must_not_be(found: list[tuple[int, str, str]], fault: str) -> None:
    """Whatever is lost, doubled, put back or made up is named."""
    assert judge_posts([ACKNOWLEDGED, UNKNOWN], found) == [fault]


@pytest.mark.parametrize(("status", "seconds"), [(500, 0.1), (501, 0.1), (200, 10.1), (None, 10.1)])
def test_breaches(status: int | None, seconds: float) -> None:
    """A 5xx that is no refusal, and an answer that comes too late, are breaches."""
    ledger = Ledger()
    ledger.note(Seen("read", 1.0, seconds, status))
    assert len(ledger.breaches) == 1


def test_failures() -> None:
    """502, 503, 504 and no answer count as not served, and nothing else does; the last one is found."""
    ledger = Ledger()
    for at, status in enumerate((200, 502, 404, 503, 504, None, 304)):
        ledger.note(Seen("read", float(at), 0.1, status))
    assert (ledger.failed, ledger.broken, ledger.find_last_failure(), ledger.breaches) == (4, 1, 5.0, [])


def test_an_id_that_comes_twice_is_a_breach() -> None:
    """An id given out for somebody else is a breach; told again for the same, or of another kind, it is none."""
    ledger = Ledger()
    for kind, owner in (("user", "ada@example.com"), ("user", "ada@example.com"), ("post", "a title")):
        ledger.note_id(kind, 7, owner)
    assert ledger.breaches == []
    ledger.note_id("user", 7, "mary@example.com")
    assert ledger.breaches == ["the id 7 of a user was given out twice"]
