"""``make audit`` as it is run, against an advisory service on this machine."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.supply.audit import find_report

ROOT = Path(__file__).parents[3]
LOCKED = "jinja2==2.4.1 --hash=sha256:{0}\necdsa==0.19.2 --hash=sha256:{0}\n"

ECDSA = {
    "id": "GHSA-wj6h-64fc-37mp",
    "aliases": ["CVE-2024-23342"],
    "summary": "Minerva timing attack",
    "affected": [{"package": {"name": "ecdsa", "ecosystem": "PyPI"}}],
}
JINJA = {
    "id": "GHSA-462w-v97r-4m45",
    "aliases": ["CVE-2019-10906"],
    "summary": "Sandbox escape",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
        }
    ],
}


@contextmanager
def advisory_service(known: dict[str, dict[str, object]]) -> Iterator[str]:
    """Give the URL of a service that speaks OSV's protocol and knows one vulnerability of some libraries."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = known.get(asked["package"]["name"])
            body = json.dumps({"vulns": [found]} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Give a lock of two libraries that are known to be vulnerable."""
    path = tmp_path / "requirements.txt"
    path.write_text(LOCKED.format("0" * 64))
    return path


def audit(lock: Path, url: str, *options: str) -> tuple[int, str]:
    """Return the exit status of an audit and what it printed."""
    command = [sys.executable, "-m", "deploy.supply.audit", "--lock", str(lock), "--osv-url", url, *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


def test_a_known_vulnerability_fails(lock: Path) -> None:
    """A vulnerability that the service tells of fails the audit, which names it and the release that mends it."""
    with advisory_service({"jinja2": JINJA, "ecdsa": ECDSA}) as url:
        status, printed = audit(lock, url)
    assert status == 1
    assert "jinja2 2.4.1: CVE-2019-10906, GHSA-462w-v97r-4m45, mended in 2.10.1" in printed
    assert "2 libraries audited, 1 not excused" in printed


def test_an_exempted_vulnerability_passes(lock: Path) -> None:
    """What ``deploy/supply/exemptions.toml`` gives a reason for does not fail."""
    with advisory_service({"ecdsa": ECDSA}) as url:
        status, printed = audit(lock, url)
    assert (status, "2 libraries audited, 0 not excused" in printed) == (0, True)


def test_silence_is_told_and_fails_only_if_so_wished(lock: Path) -> None:
    """Where no service can be reached the audit says that it knows nothing, and fails only with ``--must-answer``."""
    with advisory_service({}) as gone:
        pass
    status, printed = audit(lock, gone)
    assert (status, "NOT AUDITED" in printed) == (0, True)
    assert audit(lock, gone, "--must-answer")[0] == 1


def test_a_service_that_takes_too_long_is_none(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that does not answer in time is given up, and said to be so."""
    assert find_report(lock, ("pypi",), timeout=0.01) is None
    assert capsys.readouterr().err == "audit: pypi: no answer within 0.01 s\n"
