"""The ledger: what people were told during an experiment, and what of that must be found afterwards. Pure.

A request is *failed* when it was answered 5xx or not at all. What must never be, whatever the fault, is a *breach*.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

LONGEST_ANSWER = 10.0  # seconds
REFUSALS = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what it was, when it was sent (monotonic), how long it took, its status; None: no answer."""

    what: str
    at: float
    seconds: float
    status: int | None

    @property
    def is_failed(self) -> bool:
        """Whether it was not served."""
        return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(slots=True)
class Written:
    """A post as its author knows it: what was asked for, and what was acknowledged.

    ``versions`` are the contents that it may have now: the one acknowledged last, and those whose fate is not known.
    """

    title: str
    versions: list[str]
    post_id: int | None = None


@dataclass(slots=True)
class Ledger:
    """What was seen in one experiment, by all people together.

    ``tolerated`` are statuses that anybody may be refused with while a fault lasts that makes a service refuse.
    """

    seen: list[Seen] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    broken: int = 0
    tolerated: frozenset[int] = frozenset()
    owners: dict[tuple[str, int], str] = field(default_factory=dict)  # of what was given an id, by kind and id

    def note(self, one: Seen) -> None:
        """Take down a request."""
        self.seen.append(one)
        if one.status is None:
            self.broken += 1
        elif one.status >= HTTPStatus.INTERNAL_SERVER_ERROR and one.status not in REFUSALS:
            self.breach(f"{one.what} was answered {one.status}")
        if one.seconds > LONGEST_ANSWER:
            self.breach(f"{one.what} took {one.seconds:.1f} s (answered {one.status})")

    def breach(self, what: str) -> None:
        """Take down what must never be."""
        self.breaches.append(what)

    def note_id(self, kind: str, number: int, owner: str) -> None:
        """Take down for whom, or for what, an id was given out: none may come twice."""
        if self.owners.setdefault((kind, number), owner) != owner:
            self.breach(f"the id {number} of a {kind} was given out twice")

    @property
    def failed(self) -> int:
        """How many requests were not served."""
        return sum(one.is_failed for one in self.seen)

    @property
    def slowest(self) -> float:
        """The longest time that an answer took, in seconds."""
        return max((one.seconds for one in self.seen), default=0.0)

    def find_last_failure(self) -> float | None:
        """Return when the last failed request was sent, or None."""
        return max((one.at for one in self.seen if one.is_failed), default=None)


def judge_posts(written: list[Written], found: list[tuple[int, str, str]]) -> list[str]:
    """Return what is wrong with the posts (id, title, content) that were found of an author."""
    by_title: dict[str, list[tuple[int, str]]] = {}
    for post_id, title, content in found:
        by_title.setdefault(title, []).append((post_id, content))
    faults = []
    for post in written:
        there = by_title.pop(post.title, [])
        if len(there) > 1:
            faults.append(f"{post.title} is there {len(there)} times")
        elif post.post_id is not None and not there:
            faults.append(f"{post.title} was acknowledged and is lost")
        elif post.post_id is not None and there[0][0] != post.post_id:
            faults.append(f"{post.title} was acknowledged under another id")
        elif there and there[0][1] not in post.versions:
            faults.append(f"{post.title} has a content that nobody gave it last")
    faults.extend(f"{title} was written by nobody" for title in by_title)
    return faults
