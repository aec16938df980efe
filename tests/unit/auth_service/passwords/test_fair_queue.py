"""The queue that is fair between addresses, and within an address between accounts."""

from hypothesis import given
from hypothesis import strategies as st

from auth_service.passwords.fair_queue import FairQueue, Owner

OWNERS = st.builds(Owner, st.sampled_from("abc"), st.sampled_from("xyz"))


def queue_of(*owners: tuple[str, str]) -> FairQueue[str]:
    """Return a queue with one item for each owner, in this order, named by its owner and number."""
    queue: FairQueue[str] = FairQueue()
    for number, (site, account) in enumerate(owners):
        queue.put(f"{site}{account}{number}", Owner(site, account))
    return queue


def empty(queue: FairQueue[str]) -> list[str]:
    """Return all items in the order of their turns."""
    return [item for _ in range(len(queue)) if (item := queue.take())]


def test_sites_take_turns() -> None:
    """An address with one item waits for one item of an address with many, not for all."""
    queue = queue_of(("a", "x"), ("a", "x"), ("a", "x"), ("b", "x"), ("c", "x"))
    assert empty(queue) == ["ax0", "bx3", "cx4", "ax1", "ax2"]
    assert queue.take() is None


def test_accounts_of_a_site_take_turns() -> None:
    """Within an address, an account with one item waits for one item of an account with many."""
    queue = queue_of(("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"))
    assert empty(queue) == ["ax0", "bx3", "ay2", "ax1"]


def test_the_longest_line_gives_way() -> None:
    """Room for a newcomer comes from the address with most waiting: the last item of its busiest account."""
    queue = queue_of(("a", "x"), ("a", "y"), ("a", "y"), ("b", "x"))
    assert queue.drop_for(Owner("c", "x"), 0, 0) == "ay2"
    assert empty(queue) == ["ax0", "bx3", "ay1"]


def test_nobody_gives_way_to_who_has_as_much() -> None:
    """No room is made for a newcomer who would then have as much as the loser; within an address, by account."""
    queue = queue_of(("a", "x"), ("a", "x"), ("b", "x"))
    assert queue.drop_for(Owner("b", "x"), 1, 1) is None
    assert queue.drop_for(Owner("a", "x"), 2, 2) is None
    assert queue.drop_for(Owner("a", "y"), 0, 2) == "ax1"
    assert FairQueue[str]().drop_for(Owner("a", "x"), 0, 0) is None


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "remove", "drop"]), OWNERS)))
def test_nothing_is_lost_or_given_twice(steps: list[tuple[str, Owner]]) -> None:
    """Each item leaves the queue once, and those of one owner in their order."""
    queue: FairQueue[int] = FairQueue()
    waiting: dict[int, Owner] = {}
    for number, (step, owner) in enumerate(steps):
        if step == "put":
            queue.put(number, owner)
            waiting[number] = owner
        elif step == "remove":
            mine = next((item for item in waiting if waiting[item] == owner), -1)
            assert queue.remove(mine, owner) is (waiting.pop(mine, None) is not None)
        elif step == "take":
            taken = queue.take()
            assert (taken is None) is (not waiting)
            if taken is not None:
                taken_owner = waiting.pop(taken)
                assert not any(item < taken for item, other in waiting.items() if other == taken_owner)
        elif (dropped := queue.drop_for(owner, 0, 0)) is not None:
            del waiting[dropped]
        assert len(queue) == len(waiting)
