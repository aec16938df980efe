"""A queue that is fair between sites, and within a site between accounts. Pure: sharing it needs a lock.

Sites take turns, and so do the accounts of a site; items of one account keep their order. So whoever fills the queue
waits behind their own items, and everybody else as if those were not there (round-robin scheduling, as in J. Nagle's
RFC 970). When it must be shortened, the longest line loses its last item (as in RFC 8290, section 4.1).
"""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom an item waits for: an address (``clients.get_site``) and an account, by its key."""

    site: str = ""
    account: str = ""


class FairQueue(Generic[Item]):
    """Waiting items, each with an owner."""

    def __init__(self) -> None:
        self._sites: dict[str, dict[str, deque[Item]]] = {}  # both in the order of turns
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, item: Item, owner: Owner) -> None:
        """Queue an item."""
        self._sites.setdefault(owner.site, {}).setdefault(owner.account, deque()).append(item)
        self._length += 1

    def take(self) -> Item | None:
        """Return the item whose turn it is, and move its site and account behind the others; None if empty."""
        if not self._sites:
            return None
        site = next(iter(self._sites))
        accounts = self._sites.pop(site)
        account = next(iter(accounts))
        line = accounts.pop(account)
        item = line.popleft()
        self._length -= 1
        if line:
            accounts[account] = line
        if accounts:
            self._sites[site] = accounts
        return item

    def remove(self, item: Item, owner: Owner) -> bool:
        """Remove an item; tell whether it was waiting."""
        line = self._sites.get(owner.site, {}).get(owner.account, ())
        if item not in line:
            return False
        self._sites[owner.site][owner.account].remove(item)
        self._forget_if_empty(owner)
        return True

    def drop_for(self, newcomer: Owner, held: int, held_by_site: int) -> Item | None:
        """Remove and return the last item of the longest line, if that is fairer than refusing a newcomer.

        The newcomer's account holds ``held`` slots, its whole site ``held_by_site``. It is fairer when a site has more
        items waiting than the newcomer's would then hold; within the newcomer's own site, when an account has.
        """
        lengths = {site: sum(map(len, accounts.values())) for site, accounts in self._sites.items()}
        site = max(lengths, key=lengths.__getitem__, default=None)
        if site is None:
            return None
        accounts = self._sites[site]
        account = max(accounts, key=lambda account: len(accounts[account]))
        is_fairer = lengths[site] > held_by_site + 1 if site != newcomer.site else len(accounts[account]) > held + 1
        if not is_fairer:
            return None
        item = accounts[account].pop()
        self._forget_if_empty(Owner(site, account))
        return item

    def _forget_if_empty(self, owner: Owner) -> None:
        self._length -= 1
        accounts = self._sites[owner.site]
        if not accounts[owner.account]:
            del accounts[owner.account]
        if not accounts:
            del self._sites[owner.site]
