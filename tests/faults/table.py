"""What came of the experiments, as a table in Markdown."""

from collections.abc import Sequence

from tests.faults.experiments import Experiment, Outcome

_HEAD = (
    "| fault | requests | not served | slowest answer | well again after | figure | holds |\n"
    "|---|---:|---:|---:|---:|---|---|\n"
)


def draw_table(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each experiment."""
    return _HEAD + "".join(_draw_row(outcome) for outcome in outcomes)


def draw_missing(missing: Sequence[tuple[Experiment, str]]) -> str:
    """Return a row for each experiment that was not run, with the reason."""
    return "".join(f"| {each.title} | | | | | | **not run**: {_flatten(reason)} |\n" for each, reason in missing)


def draw_verdict(outcome: Outcome) -> str:
    """Return what is said of an experiment as soon as it is over: its row, and below it everything that must not be."""
    return _draw_row(outcome) + "".join(f"    {breach}\n" for breach in outcome.breaches)


def _draw_row(outcome: Outcome) -> str:
    verdict = "yes" if not outcome.breaches else f"**no**: {len(outcome.breaches)} breaches"
    figures = f"{outcome.requests} | {outcome.failed} | {outcome.slowest:.1f} s | {outcome.back_after:.1f} s"
    return f"| {outcome.experiment.title} | {figures} | {outcome.figure} | {verdict} |\n"


def _flatten(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
