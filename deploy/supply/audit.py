"""``python -m deploy.supply.audit`` checks whether one of the locked libraries is known to be vulnerable.

It asks the advisory services that pip-audit supports. Exit status 0: nothing known that ``exemptions.toml`` does not
excuse; or no service answered, which is said loudly and fails only with ``--must-answer``, for a machine without a
network is no finding. 1: a finding, or a single library that could not be looked up.
"""

import argparse
import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from deploy.supply.findings import Report, Verdict, judge, load_exemptions

LOCK = Path("requirements-dev.txt")  # holds all that the other two locks hold
SERVICES = (("pypi",), ("osv",))
ANSWER_TIME = 20  # seconds for one library
TIMEOUT = 120  # seconds for all of them
DONE, FOUND = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, print the verdict, and return the exit status."""
    call = _build_parser().parse_args(arguments)
    services = (("osv", "--osv-url", call.osv_url),) if call.osv_url else SERVICES
    report = next((found for service in services if (found := find_report(call.lock, service)) is not None), None)
    if report is None:
        _say(f"NOT AUDITED: no advisory service can be reached from here, so nothing is known of {call.lock}.")
        return FOUND if call.must_answer else DONE
    verdict = judge(report, load_exemptions(), dt.datetime.now(dt.UTC).date())
    _print_verdict(verdict, len(report.dependencies))
    return FOUND if verdict.problems else DONE


def find_report(lock: Path, service: Sequence[str], timeout: float = TIMEOUT) -> Report | None:
    """Return what a service knows about the libraries of a lock; None when it can't be reached, or not in time."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"),
        *("--require-hashes", "--requirement", str(lock), "--timeout", str(ANSWER_TIME), "--vulnerability-service"),
    ]
    try:
        audit = subprocess.run([*command, *service], capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603 - no input of others
    except subprocess.TimeoutExpired:
        _say(f"{service[0]}: no answer within {timeout} s")
        return None
    try:
        report = Report.model_validate_json(audit.stdout)
    except ValidationError:
        _say(f"{service[0]}: {(audit.stderr.strip() or 'no answer').splitlines()[-1]}")
        return None
    if len(report.unknown) == len(report.dependencies):  # so it is with a mirror without that service
        _say(f"{service[0]}: knows none of the {len(report.dependencies)} libraries")
        return None
    return report


def _print_verdict(verdict: Verdict, libraries: int) -> None:
    for problem in verdict.problems:
        _say(problem)
    for exemption in verdict.idle:
        _say(f"deploy/supply/exemptions.toml: {exemption} is not reported any more, and can be taken out")
    _say(f"{libraries} libraries audited, {len(verdict.problems)} not excused")


def _say(line: str) -> None:
    sys.stderr.write(f"audit: {line}\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.supply.audit", description="Audit the locked libraries.")
    parser.add_argument("--must-answer", action="store_true", help="fail when no advisory service can be reached")
    parser.add_argument("--lock", type=Path, default=LOCK, help=f"the lock to audit ({LOCK})")
    parser.add_argument("--osv-url", help="ask this service, which speaks OSV's protocol, instead of the public ones")
    return parser


if __name__ == "__main__":
    sys.exit(main())
