"""The benchmark at scale: batches, progress, what is read from plans, and the tables. Nothing is measured here."""

import pytest

from tests.benchmarks.figures import Sample
from tests.benchmarks.many_rows import Amount, list_batches, make_text
from tests.benchmarks.picks import Picks
from tests.benchmarks.plans import Execution, quote_literal, read_execution
from tests.benchmarks.progress import draw_bar
from tests.benchmarks.scale_loads import check_no_scans, rank, summarize
from tests.benchmarks.scale_table import (
    Pair,
    ScaleFindings,
    describe_aim,
    draw_depths,
    draw_executions,
    draw_pairs,
    write_up,
)
from tests.benchmarks.wrk import Load, LoadInvalid

AMOUNT = Amount(1_000, 10_000)


def samples_of(*p99s: float) -> list[Sample]:
    """Return a round of a second for each p99."""
    return [Sample(Load(1000, 1.0, 1.0, p99, 0.1), 0.2, 0.1) for p99 in p99s]


def execution_of(blocks: int, *, scanned: str | None = None) -> Execution:
    """Return an execution by index, or one that scans a table."""
    return Execution(blocks, frozenset([scanned] if scanned else []), frozenset(["posts_pkey"]))


FOUND = ScaleFindings(
    sizes=("10", "1,000"),
    pairs={"top": Pair(samples_of(10, 10, 10), samples_of(11, 12, 40)), "deep": Pair(samples_of(5), samples_of(10))},
    executions=(
        {"top": execution_of(3), "deep": execution_of(3)},
        {"top": execution_of(4), "deep": execution_of(5)},
    ),
    deep={"top": "deep"},
)


def test_batches_cover_everything_once() -> None:
    """Batches follow one another from 1 to the total, the last one shorter if need be."""
    assert list_batches(10, 4) == [(1, 4), (5, 8), (9, 10)]
    assert list_batches(8, 4) == [(1, 4), (5, 8)]


def test_text_is_long_enough_for_every_cut() -> None:
    """The longest text, cut at the last place, is within what texts are cut from, in ASCII and the same each time."""
    text = make_text()
    assert len(text) >= 1 + 2002 + 40 + 999 * 999 // 833
    assert text.isascii()
    assert make_text() == text


def test_bar_half_way() -> None:
    """A bar shows the share, the rate and the time that is left."""
    bar = draw_bar("posts", 500, 1000, 10.0)
    assert bar == f"posts      [{'#' * 15}{'.' * 15}]  50% 500 of 1,000, 50/s, 10 s left"


def test_bar_at_both_ends() -> None:
    """At the beginning nothing is known of the time that is left; at the end none is."""
    assert "left" not in draw_bar("posts", 0, 1000, 0.0)
    assert draw_bar("posts", 1000, 1000, 4.0).endswith("100% 1,000 of 1,000, 250/s, 4 s")


def test_picks_are_rows_that_are_there() -> None:
    """What is picked is within the rows, deep cursors have posts below them, and each run picks the same."""
    picks, again = Picks(AMOUNT, ()), Picks(AMOUNT, ())
    for _ in range(1000):
        author = picks.busy_author()
        assert author % 100 == 0
        assert 1 <= author <= 1000
        assert 500 <= picks.deep_id() <= 1500
        assert (author, again.busy_author()) == (author, author)
        again.deep_id()


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (7, "'7'"),
        (True, "'True'"),
        (None, "NULL"),
        ("it's", "'it''s'"),
        ([1, 2], """'{"1","2"}'"""),
        (['a"b', "c\\d", "e'f"], """'{"a\\"b","c\\\\d","e''f"}'"""),
    ],
)
def test_literals(value: object, literal: str) -> None:
    """An argument becomes a literal that means the same."""
    assert quote_literal(value) == literal


def test_plan_is_read_to_its_leaves() -> None:
    """Blocks are those of the whole plan, which counts its parts; tables and indexes are found at any depth."""
    scan = {"Node Type": "Seq Scan", "Relation Name": "posts"}
    look_up = {"Node Type": "Index Scan", "Index Name": "posts_pkey", "Relation Name": "posts"}
    plan = {
        "Node Type": "Limit",
        "Shared Hit Blocks": 4,
        "Shared Read Blocks": 3,
        "Plans": [{"Node Type": "Nested Loop", "Plans": [scan, look_up]}],
    }
    assert read_execution(plan) == Execution(7, frozenset({"posts"}), frozenset({"posts_pkey"}))


def test_scan_of_a_table_ends_the_run() -> None:
    """One statement of many that reads a table from end to end makes the measurement invalid, and is named."""
    fine = execution_of(3)
    check_no_scans({"one post": fine})
    mixed = summarize([fine, execution_of(500, scanned="posts"), fine])
    assert mixed.blocks == 3
    with pytest.raises(LoadInvalid, match="another: posts"):
        check_no_scans({"one post": fine, "another": mixed})


def test_ranked_latencies() -> None:
    """Seconds of single statements become the median and the 99th of a hundred, in milliseconds."""
    load = rank((number / 1000 for number in range(100, 0, -1)), 2.0)
    assert (load.requests, load.rate, load.p50, load.p99) == (100, 50, 50, 99)


def test_ratio_is_the_median_of_the_rounds() -> None:
    """One disturbed round does not move the ratio, and is shown."""
    row = draw_pairs(FOUND).splitlines()[2]
    assert row == "| top | 1.00 | 1.00 | 10.00 | 12.00 | 1.20 | 1.10 to 4.00 | 300 | 300 |"


def test_what_is_beyond_the_aim_is_named() -> None:
    """A question whose p99 grew more than is aimed at is named, one within is not."""
    assert describe_aim(FOUND).endswith("at 10 posts. Beyond it: deep.")


def test_blocks_and_depths() -> None:
    """Both sizes' blocks stand side by side, and deep pages beside first ones."""
    assert "| deep | 3 | 5 | posts_pkey |" in draw_executions(FOUND)
    pairs = {"top": Pair(samples_of(5), samples_of(10)), "deep": Pair(samples_of(5), samples_of(15))}
    found = ScaleFindings(FOUND.sizes, pairs, FOUND.executions, FOUND.deep)
    assert "| deep / top | 1.00 | 1.50 | 1.00 | 5 / 4 |" in draw_depths(found)
    assert write_up(found, ["A machine."]).startswith("# Scale\n")
