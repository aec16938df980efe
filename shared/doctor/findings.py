"""What ``doctor`` finds: one line for each check, with what to do where something is wrong. Pure."""

import functools
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ParamSpec

from shared.language.visible_text import make_visible


class Level(StrEnum):
    """How it is with something; ``UNKNOWN`` where the check can't be made."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a subject, in a sentence, and what to do about it."""

    level: Level
    subject: str
    says: str
    remedy: str = ""


def ok(subject: str, says: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, subject, says)


def warning(subject: str, says: str, remedy: str) -> Finding:
    """Return what works, and may hurt."""
    return Finding(Level.WARNING, subject, says, remedy)


def problem(subject: str, says: str, remedy: str = "") -> Finding:
    """Return what does not work."""
    return Finding(Level.PROBLEM, subject, says, remedy)


def unknown(subject: str, says: str) -> Finding:
    """Return why a check can't be made."""
    return Finding(Level.UNKNOWN, subject, says)


Arguments = ParamSpec("Arguments")
Examine = Callable[Arguments, Awaitable[list[Finding]]]


def looks_at(subject: str) -> Callable[[Examine[Arguments]], Examine[Arguments]]:
    """Let a look at a subject that ends with an error, a fault of ours, not hide what the others have found."""

    def guard(examine: Examine[Arguments]) -> Examine[Arguments]:
        @functools.wraps(examine)
        async def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> list[Finding]:
            try:
                return await examine(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever it is; its text might show a secret
                return [unknown(subject, f"the look at it failed by a fault of Gatepost: {type(error).__name__}")]

        return guarded

    return guard


def is_sound(findings: Iterable[Finding]) -> bool:
    """Tell whether there is no problem."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def write_findings(service: str, findings: Sequence[Finding], *, is_json: bool) -> str:
    """Return the findings as lines for people, or as JSON for programs. They may quote strangers, and obey none."""
    if is_json:
        return json.dumps({"service": service, "findings": [asdict(finding) for finding in findings]}, indent=2)
    width = max(len(finding.subject) for finding in findings)
    return "\n".join(_write(service, finding, width) for finding in findings)


def _write(service: str, finding: Finding, width: int) -> str:
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    return make_visible(f"{service:<13}  {finding.level:<7}  {finding.subject:<{width}}  {finding.says}{remedy}")
