"""What pip-audit found, judged against ``exemptions.toml``: values in, values out.

A library that was not looked up is *unknown*, never *fine*.
"""

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

EXEMPTIONS = Path(__file__).parent / "exemptions.toml"


class Vulnerability(BaseModel):
    """A published vulnerability."""

    id: str
    aliases: list[str] = []
    fix_versions: list[str] = []

    @property
    def names(self) -> frozenset[str]:
        """All ids that it goes by."""
        return frozenset({self.id, *self.aliases})


class Library(BaseModel):
    """A locked library, looked up or, with ``skip_reason``, not."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str | None = None


class Report(BaseModel):
    """pip-audit's JSON."""

    dependencies: list[Library]

    @property
    def unknown(self) -> list[str]:
        """The libraries that were not looked up."""
        return [library.name for library in self.dependencies if library.skip_reason is not None]


class Exemption(BaseModel):
    """A vulnerability that does no harm here, for a reason, and until a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    library: str
    until: dt.date
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, one line each, and the exemptions that are no longer needed."""

    problems: tuple[str, ...]
    idle: tuple[str, ...]


def load_exemptions(path: Path = EXEMPTIONS) -> list[Exemption]:
    """Return the exemptions of a file; raises ValidationError for one that lacks its reason or its day."""
    return [Exemption.model_validate(table) for table in tomllib.loads(path.read_text())["exemption"]]


def judge(report: Report, exemptions: list[Exemption], today: dt.date) -> Verdict:
    """Return what in a report is not excused today."""
    problems = [f"{name} could not be looked up, though others could" for name in report.unknown]
    used: set[str] = set()
    for library in report.dependencies:
        for vulnerability in library.vulns:
            exemption = _find_exemption(library, vulnerability, exemptions)
            if exemption is not None:
                used.add(exemption.id)
            if exemption is None or exemption.until < today:
                problems.append(_describe(library, vulnerability, exemption))
    return Verdict(tuple(problems), tuple(each.id for each in exemptions if each.id not in used))


def _find_exemption(library: Library, found: Vulnerability, exemptions: list[Exemption]) -> Exemption | None:
    fitting = (each for each in exemptions if each.library == library.name and each.id in found.names)
    return next(fitting, None)


def _describe(library: Library, found: Vulnerability, exemption: Exemption | None) -> str:
    mended = f"mended in {', '.join(found.fix_versions)}" if found.fix_versions else "not mended yet"
    over = f"; its exemption ended on {exemption.until}" if exemption is not None else ""
    return f"{library.name} {library.version}: {', '.join(sorted(found.names))}, {mended}{over}"
