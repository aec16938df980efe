"""The one switch for all optimisations. It is on; a test turns it off, and shows that no answer depends on it.

It is read when something is built, and never while a request is handled: so it costs nothing, and whatever was built is
consistent. Each optimisation has a plain counterpart, the obvious code for the same:

    coalesced reads                 a query for each question
    lists as PostgreSQL's JSON      rows, which the models write
    a standby for lists             the primary
    the services' HTTP protocol     uvicorn's own
    a cache (``memory``)            one that keeps nothing
    a timer that is seldom set      one that is set every time

No setting turns it off: operators have no reason to choose.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Switch:
    """Whether what is built from now on is fast."""

    is_on: bool = True


FAST = Switch()
