"""``docs/scaling.md``: its arithmetic follows from its measured figures."""

import re

from tests.support.house import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text()
BUSY = 0.7  # of a core's time


def read_rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with a heading, without commas in numbers."""
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return [[re.sub(r"(?<=\d),(?=\d)", "", cell.strip()) for cell in row] for row in rows]


def test_cores_follow_from_rates_and_costs() -> None:
    """Each row's cores are its rate times its cost, on cores that are busy for 70 % of their time."""
    costs = {name: float(cost.removesuffix(" us")) for name, _, cost, _ in read_rows("name")}
    rows = read_rows("work")
    assert len(rows) == 5
    for work, rate, cost, cores in rows:
        needed = float(rate.removesuffix("/s")) * costs[cost] / 1_000_000 / BUSY
        assert abs(float(cores) - needed) < 0.1, f"{work}: {needed:.1f}"
    total = sum(float(cores) for *_, cores in rows)
    assert f"All of it is some {total:.0f} cores" in PAGE.replace("\n", " ")


def test_bytes_follow_from_rows() -> None:
    """Each kind of data takes its rows times the bytes of one."""
    rows = read_rows("data")
    assert len(rows) == 5
    for data, number, size, total in rows:
        gigabytes = float(number) * float(size) / 1e9
        assert abs(float(total.removesuffix(" GB")) - gigabytes) <= 0.5, f"{data}: {gigabytes:.1f}"
