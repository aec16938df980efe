"""``SCALE.md``: the measurements at two sizes as text. Pure: figures in, Markdown out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.figures import Sample
from tests.benchmarks.plans import Execution

AIM = 1.5  # times the p99 at the small size
REMARK = (
    "The first page of everybody's list is one and the same for all requests, the deep ones are all different pages; "
    "so they differ at the small size too."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The samples of one question at both sizes, round by round."""

    small: Sequence[Sample]
    large: Sequence[Sample]

    @property
    def p99_ratios(self) -> list[float]:
        """How many times the small size's p99 the large one's was, in each round."""
        return [mine.load.p99 / other.load.p99 for mine, other in zip(self.large, self.small, strict=True)]


@dataclass(frozen=True, slots=True)
class ScaleFindings:
    """All that was measured; ``deep`` names the question that asks deeper, for those that ask at the top."""

    sizes: tuple[str, str]
    pairs: Mapping[str, Pair]
    executions: tuple[Mapping[str, Execution], Mapping[str, Execution]]
    deep: Mapping[str, str]


def write_up(found: ScaleFindings, about: Sequence[str]) -> str:
    """Return the whole file; ``about`` are paragraphs on what it ran on, and how."""
    head = ["# Scale", "Written by `make scale`; README.md says what is measured.", *about]
    sections = [
        ("p50, p99 and CPU time", f"{draw_pairs(found)}\n\n{describe_aim(found)}"),
        ("What the statements look at", draw_executions(found)),
        ("Deep cursors", f"{draw_depths(found)}\n\n{REMARK}"),
    ]
    return "\n\n".join([*head, *(f"## {title}\n\n{text}" for title, text in sections)]) + "\n"


def draw_pairs(found: ScaleFindings) -> str:
    """Return a row for each question. The ratio is the median of the rounds', with the least and the greatest."""
    small, large = found.sizes
    head = ["posts:", f"p50 ms, {small}", large, f"p99 ms, {small}", large, "x", "rounds", f"CPU us, {small}", large]
    rows = [
        (
            question,
            *(f"{median(sample.load.p50 for sample in each):.2f}" for each in (pair.small, pair.large)),
            *(f"{median(sample.load.p99 for sample in each):.2f}" for each in (pair.small, pair.large)),
            f"{median(pair.p99_ratios):.2f}",
            f"{min(pair.p99_ratios):.2f} to {max(pair.p99_ratios):.2f}",
            *(f"{median(sample.cost for sample in each):.0f}" for each in (pair.small, pair.large)),
        )
        for question, pair in found.pairs.items()
    ]
    return _draw(head, rows)


def describe_aim(found: ScaleFindings) -> str:
    """Say which questions were within the aim."""
    beyond = [question for question, pair in found.pairs.items() if median(pair.p99_ratios) > AIM]
    verdict = f"Beyond it: {'; '.join(beyond)}." if beyond else "All are within it."
    return f"The aim is a p99 of at most {AIM} times that at {found.sizes[0]} posts. {verdict}"


def draw_executions(found: ScaleFindings) -> str:
    """Return the blocks that each question's statements look at, and by which indexes they find them."""
    small, large = found.executions
    rows = [
        (question, str(small[question].blocks), str(each.blocks), ", ".join(sorted(each.indexes)))
        for question, each in large.items()
    ]
    return _draw(["blocks at", *found.sizes, f"indexes at {found.sizes[1]}"], rows)


def draw_depths(found: ScaleFindings) -> str:
    """Return what a deep page costs beside the first one, at the large size."""
    rows = []
    for top, deep in found.deep.items():
        mine, other = found.pairs[deep].large, found.pairs[top].large
        rounds = list(zip(mine, other, strict=True))
        blocks = [found.executions[1][question].blocks for question in (top, deep)]
        rows.append(
            (
                f"{deep} / {top}",
                f"{median(a.load.p50 / b.load.p50 for a, b in rounds):.2f}",
                f"{median(a.load.p99 / b.load.p99 for a, b in rounds):.2f}",
                f"{median(a.cost / b.cost for a, b in rounds):.2f}",
                f"{blocks[1]} / {blocks[0]}",
            )
        )
    return _draw([f"at {found.sizes[1]}", "p50 x", "p99 x", "CPU x", "blocks"], rows)


def _draw(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = "|---|" + "---:|" * (len(head) - 1)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])
