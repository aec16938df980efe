"""The Markdown tables of ``docs/next-auth.md``: what next-auth and Gatepost answer to each request, and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.tokens.protocol import PROTOCOLS, Version
from tests.support.protocol_answers import Answer
from tests.support.protocol_cases import Case
from tests.support.protocol_differences import NOT_STORED, REASONS, REASONS_ELSEWHERE, Difference, Reason, compare

END = "<!-- end -->\n"
_FAMILY = re.compile(f"^(__Host-|__Secure-)?(({'|'.join(each.cookies for each in PROTOCOLS.values())})\\.)?")
SHOWN_HEADERS = ("location", "allow")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request and its two answers; ``is_elsewhere`` where it is about other providers or links by mail."""

    case: Case
    theirs: Answer
    ours: Answer
    version: Version
    is_elsewhere: bool = False

    @property
    def reasons(self) -> Sequence[Reason]:
        """Why it may be answered differently."""
        return (REASONS_ELSEWHERE if self.is_elsewhere else REASONS)[self.version]

    @property
    def mark(self) -> str:
        """The line above its table."""
        of = f"elsewhere, version {self.version}" if self.is_elsewhere else f"version {self.version}"
        return f"<!-- generated: make next-auth-table, {of} -->\n"

    @property
    def differences(self) -> list[Difference]:
        """What is not the same."""
        return list(compare(self.theirs, self.ours))

    def find_reason(self, difference: Difference) -> Reason | None:
        """Return why a difference is meant; None when it is a bug."""
        return next((each for each in self.reasons if each.explains(self.case.name, difference)), None)

    @property
    def letters(self) -> list[str]:
        """The letters of the reasons why, but for the one that holds everywhere."""
        found = {self.find_reason(each) for each in self.differences}
        return sorted(reason.letter for reason in found if reason and reason is not NOT_STORED)


def render_table(comparisons: Sequence[Comparison]) -> str:
    """Return the reasons and the table."""
    same = sum(not each.letters for each in comparisons)
    lines = [
        f"{len(comparisons)} requests; {same} answers are the same but for *a*. The differences, each meant:",
        "",
        *(f"- *{each.letter}*: {each.why}" for each in sorted(comparisons[0].reasons, key=lambda each: each.letter)),
        "",
        f"| request | next-auth {comparisons[0].version} | Gatepost | |",
        "|---|---|---|---|",
        *map(_render_row, comparisons),
    ]
    return "\n".join(lines) + "\n"


def list_unexplained(comparisons: Iterable[Comparison]) -> list[tuple[str, Difference]]:
    """Return the differences for which there is no reason, each after its request."""
    found = [(each, difference) for each in comparisons for difference in each.differences]
    return [(each.case.name, difference) for each, difference in found if each.find_reason(difference) is None]


def list_needless(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the letters of the reasons that explain nothing."""
    needed = {each.find_reason(one) for each in comparisons for one in each.differences}
    return [reason.letter for reason in comparisons[0].reasons if reason not in needed]


def replace_table(page: str, comparisons: Sequence[Comparison]) -> str:
    """Return a page with the table of these comparisons below its mark."""
    mark = comparisons[0].mark
    before, rest = page.split(mark)
    return before + mark + render_table(comparisons) + END + rest.partition(END)[2]


def check_page(page: Path, comparisons: Sequence[Comparison], *, is_written: bool) -> None:
    """Assert that a page shows these comparisons; write them there if that ``is_written`` anew."""
    shown = page.read_text()
    right = replace_table(shown, comparisons)
    if is_written:
        page.write_text(right)
    else:
        assert right == shown


def _render_row(row: Comparison) -> str:
    ours = _render_answer(row.ours) if row.letters else "the same"
    request = f"{row.case.name}<br>`{row.case.method} {row.case.path}`"
    return f"| {request} | {_render_answer(row.theirs)} | {ours} | {' '.join(f'*{each}*' for each in row.letters)} |"


def _render_answer(answer: Answer) -> str:
    status = f"**{answer.parts['status']}** {_as_code(answer.parts.get('body', ''))}".strip()
    headers = [f"{name} {_as_code(answer.parts[name])}" for name in SHOWN_HEADERS if name in answer.parts]
    return "<br>".join([status, *headers, *_render_cookies(answer.cookies.items())])


def _render_cookies(cookies: Iterable[tuple[str, str]]) -> list[str]:
    """Name each cookie without what all have in common: the prefixes, HttpOnly, Path and SameSite."""
    shown = []
    for name, text in cookies:
        short, value = _FAMILY.sub("", name), text.partition(";")[0]
        shown.append(f"sets {short} {_as_code(value)}" if "max-age 0" not in text else f"clears {short}")
    return shown


def _as_code(text: str) -> str:
    if not text or text in {"(page)", "(sealed)", "(csrf)", "(device)"}:
        return text.strip("()")
    return f"`{text.replace('|', chr(92) + '|')}`"
