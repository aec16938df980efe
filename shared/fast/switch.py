"""The one switch of all that is fast. It is on; a test turns it off, and shows that no answer depends on it.

It is looked at when something is built, and never while somebody waits for an answer: so it costs nothing, and what was
built is of one piece. Each fast thing has a plain counterpart, the obvious code for the same:

    coalesced reads                 a query for each question
    lists as PostgreSQL's JSON      rows, which the models write
    a standby for lists             the primary
    the services' HTTP protocol     uvicorn's own
    a memory                        one that keeps nothing
    a timer that is seldom set      one that is set each time

No setting turns it off: an operator has nothing to choose between.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Switch:
    """Whether what is built from now on is fast."""

    is_on: bool = True


FAST = Switch()
