"""What the doctor prints: lines for people, JSON for programs, and whether anything is wrong."""

import json

from shared.doctor.findings import Finding, is_sound, looks_at, ok, problem, unknown, warning, write_findings

FINDINGS = [
    ok("database", "it answers"),
    warning("mail", "there is none", "set SMTP_URL"),
    problem("auth service", "it does not answer", "start it"),
    unknown("process", "it does not run"),
]


def test_a_line_for_each() -> None:
    """Each finding is a line of its service, its level, its subject, what was found, and what to do about it."""
    assert write_findings("gateway", FINDINGS, is_json=False).splitlines() == [
        "gateway        ok       database      it answers",
        "gateway        warning  mail          there is none -> set SMTP_URL",
        "gateway        problem  auth service  it does not answer -> start it",
        "gateway        unknown  process       it does not run",
    ]


def test_json_has_the_same() -> None:
    """As JSON there is the service, and for each finding its four members."""
    told = json.loads(write_findings("gateway", FINDINGS, is_json=True))
    assert told["service"] == "gateway"
    assert [each["level"] for each in told["findings"]] == ["ok", "warning", "problem", "unknown"]
    assert told["findings"][1] == {
        "level": "warning",
        "subject": "mail",
        "says": "there is none",
        "remedy": "set SMTP_URL",
    }


async def test_a_look_that_fails_is_one_finding() -> None:
    """A look that ends with an error says so, without the error's text, which may show what nobody should see."""

    @looks_at("database")
    async def look() -> list[Finding]:
        raise RuntimeError("postgresql://role:secret@db")

    assert await look() == [unknown("database", "the look at it failed by a fault of Gatepost: RuntimeError")]


def test_only_a_fault_is_wrong() -> None:
    """A warning, and what can't be found out, leave the whole sound; one problem does not."""
    assert is_sound([])
    assert is_sound([FINDINGS[0], FINDINGS[1], FINDINGS[3]])
    assert not is_sound(FINDINGS)
