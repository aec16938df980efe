"""Differences between policies in words: for a terminal, for a comment on a pull request, and as JSON.

People first want to know what is let in now, then what is no longer; so differences stand in that order. Requests that
are refused either way, only otherwise, are counted where they are of a special kind, and in the JSON they are listed.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from gateway.proving.diff import Change, Diff, Difference
from gateway.proving.outcomes import Outcome, describe_pair
from gateway.proving.wording import (
    Json,
    describe_count,
    describe_example,
    describe_rule,
    escape_markdown,
    example_as_json,
    rule_as_json,
)


class Impact(StrEnum):
    """What a change does, the gravest first."""

    OPENS = "opens"  # refused before, passes now
    CLOSES = "closes"
    REROUTES = "reroutes"  # passes either way, but elsewhere or with something else
    REFUSES = "refuses"  # refused either way, but otherwise


IMPACTS = list(Impact)
LONGEST_COMMENT = 60_000  # characters of differences; GitHub takes 65,536 in all


def impact_of(change: Change) -> Impact:
    """Return what a change does."""
    if change.old.passes:
        return Impact.REROUTES if change.new.passes else Impact.CLOSES
    return Impact.OPENS if change.new.passes else Impact.REFUSES


def sort_differences(diff: Diff) -> list[Difference]:
    """Return the differences, the gravest first."""
    return sorted(
        diff.differences, key=lambda each: (min(map(_rank, each.changes)), len(each.path.raw), each.path.text)
    )


def list_lines(diff: Diff) -> Iterator[str]:
    """Yield the lines for a terminal."""
    yield summarize(diff)
    for difference in sort_differences(diff):
        yield ""
        yield describe_paths(difference)
        yield from (f"  {when:9} {rule}" for when, rule in _list_rules(difference))
        shown, folded = _fold(difference.changes)
        for change in shown:
            old, new = describe_pair(change.old, change.new)
            yield f"  {impact_of(change):9} {', '.join(change.methods)}: {describe_sender(change)}"
            yield f"            {old} -> {new}"
            yield f"            {describe_example(change.example)}"
        if folded:
            yield f"  {Impact.REFUSES:9} {folded} more kinds of request, for another reason (--json lists them)"
    yield from (f"everywhere: {each}" for each in diff.remarks)
    yield from (f"not decided: {each}" for each in diff.undecided)


def list_markdown(diff: Diff) -> Iterator[str]:
    """Yield the lines of a comment on a pull request: as much as fits into one, the gravest first."""
    yield f"**{escape_markdown(summarize(diff))}**"
    for each in diff.remarks:
        yield ""
        yield f"**Everywhere**: {escape_markdown(each)}"
    for each in diff.undecided:
        yield ""
        yield f"**Not decided**: {escape_markdown(each)}"
    room = LONGEST_COMMENT
    for number, difference in enumerate(sort_differences(diff)):
        section = list(_list_section(difference))
        room -= len("\n".join(section))
        if room < 0:
            yield ""
            yield (
                f"{len(diff.differences) - number} more sets of paths are not shown: a comment can't be that long. "
                "Without `--markdown` all are."
            )
            return
        yield from section


def as_json(diff: Diff) -> Json:
    """Return everything."""
    return {
        "changes": not diff.is_empty,
        "kinds_of_path": len(diff.paths.regions),
        "differences": [
            {
                "path": each.path.raw.decode("ascii"),
                "paths": each.count,
                "when": each.when,
                "before": [rule_as_json(rule) for rule in each.old_rules],
                "after": [rule_as_json(rule) for rule in each.new_rules],
                "changes": [_change_as_json(change) for change in sorted(each.changes, key=_rank)],
            }
            for each in sort_differences(diff)
        ],
        "everywhere": list(diff.remarks),
        "undecided": list(diff.undecided),
    }


def summarize(diff: Diff) -> str:
    """Return the result in one sentence."""
    compared = f"all paths were compared, in {len(diff.paths.regions)} kinds"
    if diff.is_empty:
        return f"Nothing changes, for any request: {compared}."
    counts = dict.fromkeys(IMPACTS, 0)
    for difference in diff.differences:
        impacts = set(map(impact_of, difference.changes))
        for impact in impacts - {Impact.REFUSES} or impacts:
            counts[impact] += 1
    said = [f"{impact} {count}" for impact, count in counts.items() if count]
    said += [f"everywhere {len(diff.remarks)}"] if diff.remarks else []
    said += [f"undecided {len(diff.undecided)}"] if diff.undecided else []
    return f"The policy changes: {', '.join(said)} (sets of paths; {compared})."


def describe_paths(difference: Difference) -> str:
    """Return which paths something changes for."""
    when = f" {difference.when}" if difference.when else ""
    return f"{difference.path.text}{describe_count(difference.count)}{when}"


def describe_sender(change: Change) -> str:
    """Return who sends requests of this kind, and how."""
    return ", ".join(filter(None, (change.sender, change.how)))


def _list_section(difference: Difference) -> Iterator[str]:
    """Yield the lines of a comment that tell of one difference."""
    shown, folded = _fold(difference.changes)
    yield ""
    yield f"### {escape_markdown(describe_paths(difference))}"
    yield ""
    yield from (f"- {when}: {escape_markdown(rule)}" for when, rule in _list_rules(difference))
    yield ""
    yield "| | methods | who | before | after | example |"
    yield "|---|---|---|---|---|---|"
    for change in shown:
        cells = [
            f"**{impact_of(change)}**",
            " ".join(change.methods),
            escape_markdown(describe_sender(change)),
            *map(escape_markdown, describe_pair(change.old, change.new)),
            escape_markdown(describe_example(change.example)),
        ]
        yield f"| {' | '.join(cells)} |"
    if folded:
        yield ""
        yield f"{folded} more kinds of request are refused before and after, for another reason."


def _list_rules(difference: Difference) -> Iterator[tuple[str, str]]:
    """Yield the rules that decide, each with when it does."""
    for when, rules in (("before", difference.old_rules), ("after", difference.new_rules)):
        yield from ((when, describe_rule(rule)) for rule in rules)
        if not rules:
            yield when, "no rule"


def _fold(changes: Sequence[Change]) -> tuple[list[Change], int]:
    """Return the changes to be shown, the gravest first, and how many are not."""
    shown = [change for change in changes if not (impact_of(change) is Impact.REFUSES and change.how)]
    shown = shown or list(changes)
    return sorted(shown, key=_rank), len(changes) - len(shown)


def _rank(change: Change) -> int:
    return IMPACTS.index(impact_of(change))


def _change_as_json(change: Change) -> Json:
    old, new = describe_pair(change.old, change.new)
    return {
        "impact": impact_of(change).value,
        "methods": list(change.methods),
        "caller": change.sender,
        "how": change.how,
        "before": {"status": change.old.status, "upstream": _name_upstream(change.old), "says": old},
        "after": {"status": change.new.status, "upstream": _name_upstream(change.new), "says": new},
        "example": example_as_json(change.example),
    }


def _name_upstream(outcome: Outcome) -> str | None:
    return outcome.where if outcome.passes else None
