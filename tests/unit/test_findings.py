"""What is known of the libraries, judged."""

import datetime as dt
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.supply.audit import LOCK
from deploy.supply.findings import Exemption, Library, Report, Vulnerability, judge, load_exemptions
from tests.support.locks import list_npm_locks, read_lock

ROOT = Path(__file__).parents[2]
TODAY = dt.date(2026, 11, 24)
FLAW = Vulnerability(id="PYSEC-2026-1", aliases=["CVE-2026-1"], fix_versions=["2.0"])
FLAWED = Report(dependencies=[Library(name="paint", version="1.0", vulns=[FLAW]), Library(name="wood", version="3")])


def exempt(**changed: str | dt.date) -> Exemption:
    """Return an exemption for the flaw."""
    return Exemption.model_validate(
        {"id": "CVE-2026-1", "library": "paint", "until": TODAY, "reason": "Nobody licks it."} | changed
    )


def test_nothing_found_is_no_fault() -> None:
    """Libraries of which nothing is known pass."""
    assert judge(Report(dependencies=[Library(name="wood", version="3")]), [], TODAY).problems == ()


def test_a_finding_is_a_fault() -> None:
    """A known vulnerability fails, and the line names the library, every id, and the release that mends it."""
    assert judge(FLAWED, [], TODAY).problems == ("paint 1.0: CVE-2026-1, PYSEC-2026-1, mended in 2.0",)


def test_an_exemption_excuses_its_finding_only() -> None:
    """An exemption holds for one id of one library, by any of its names, until its day has passed."""
    assert judge(FLAWED, [exempt()], TODAY) == judge(FLAWED, [exempt(id="PYSEC-2026-1")], TODAY)
    assert judge(FLAWED, [exempt()], TODAY).problems == ()
    for other in (exempt(id="CVE-2026-2"), exempt(library="wood"), exempt(until=TODAY - dt.timedelta(days=1))):
        assert len(judge(FLAWED, [other], TODAY).problems) == 1


def test_an_exemption_that_excuses_nothing_is_told() -> None:
    """An exemption whose finding is gone is named, so that it can go too."""
    assert judge(FLAWED, [exempt()], TODAY).idle == ()
    assert judge(FLAWED, [exempt(), exempt(id="CVE-2026-2")], TODAY).idle == ("CVE-2026-2",)


def test_a_library_that_alone_is_unknown_is_a_fault() -> None:
    """A library that could not be looked up, where others could, fails: unknown is not fine."""
    report = Report(dependencies=[Library(name="paint", skip_reason="not found"), Library(name="wood", version="3")])
    assert judge(report, [], TODAY).problems == ("paint could not be looked up, though others could",)


def test_every_exemption_says_why_and_until_when() -> None:
    """Each exemption concerns a locked library, gives its reason, and ends within a year or so."""
    locked = read_lock(ROOT / LOCK)
    for exemption in load_exemptions():
        assert exemption.library in locked
        assert len(exemption.reason.split()) > 10
        assert exemption.until < dt.date(2028, 1, 1)


def test_an_exemption_without_a_reason_is_refused(tmp_path: Path) -> None:
    """An exemption that lacks its reason or its day does not load."""
    file = tmp_path / "exemptions.toml"
    file.write_text('[[exemption]]\nid = "CVE-2026-1"\nlibrary = "paint"\n')
    with pytest.raises(ValidationError, match="2 validation errors"):
        load_exemptions(file)


def test_the_audited_lock_holds_all_others() -> None:
    """What is audited is every library of all locks for what we run, in the same version."""
    audited = read_lock(ROOT / LOCK)
    for name in ("requirements.txt", "requirements-run.txt", "deploy/mailbox/requirements.txt"):
        assert read_lock(ROOT / name).items() <= audited.items()


def test_every_locked_library_has_its_hashes() -> None:
    """A library is locked to one version and to the hashes of its files: what is published later is not installed."""
    ours = ("requirements.txt", "requirements-run.txt", "requirements-dev.txt", "deploy/mailbox/requirements.txt")
    for name in ours:
        lines = (ROOT / name).read_text().splitlines()
        pins = [pair for pair in pairwise(lines) if not pair[0].startswith((" ", "#"))]
        assert len(pins) == len(read_lock(ROOT / name))
        assert all("==" in pin and following.lstrip().startswith("--hash=sha256:") for pin, following in pins)


@pytest.mark.parametrize("lock", list_npm_locks())
def test_npm_locks_name_versions_and_hashes_alone(lock: str) -> None:
    """A lock of npm says which version and which hash, and no address: that is each machine's setting."""
    text = (ROOT / lock).read_text()
    packages = [each for name, each in json.loads(text)["packages"].items() if name]
    assert "://" not in text
    assert packages
    assert all(each["version"] and each["integrity"] for each in packages)


def test_ecdsa_is_never_imported() -> None:
    """Signing, verifying, sealing and opening load no ecdsa: its exemption rests on that."""
    program = "import sys, shared.tokens.signed, shared.tokens.session_cookie; sys.exit('ecdsa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
