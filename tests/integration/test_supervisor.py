"""The stack without Docker starts as one, ends as one, and keeps its data."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from gateway.settings import DEFAULT_RULES
from shared.settings import SAMPLE_SECRETS
from tests.support.people import PASSWORD, sign_up_and_in
from tests.support.running_stack import ROOT
from tests.support.supervisor import DEADLINE, has_ended, supervising, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

PATHS = {**os.environ, "PYTHONPATH": str(ROOT)}
SILENCE = 6.0  # seconds: in which each feed is polled at least once more
EPOCH = "database_was_started"
PARTS = ["auth_service", "gateway", "postgres", "posts_service"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_as_one(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM stop every part, without an error."""
    with supervising(tmp_path) as supervisor:
        assert sorted(supervisor.children) == PARTS
        supervisor.process.send_signal(number)
        assert supervisor.process.wait(DEADLINE) == 0
        assert all(has_ended(pid) for pid in supervisor.children.values())
    assert "Traceback" not in supervisor.output.read_text()


def test_a_hangup_lets_services_read_their_files(tmp_path: Path) -> None:
    """An operator's SIGHUP ends nothing: the gateway takes the changed policy, and the auth service looks for keys."""
    rules = tmp_path / "rules.toml"
    rules.write_text(DEFAULT_RULES.read_text())
    with supervising(tmp_path, settings={"GATEWAY_RULES": str(rules)}) as supervisor:
        probe = f"{supervisor.gateway}/new-page"
        assert httpx2.get(probe, timeout=10, trust_env=False).status_code == 404
        new = '[[rule]]\nmatcher = ["/new-page"]\naccess = "protected"\nupstream = "posts"\n'
        rules.write_text(f"{rules.read_text()}\n{new}")
        supervisor.process.send_signal(signal.SIGHUP)
        wait_until(lambda: httpx2.get(probe, timeout=10, trust_env=False).status_code == 401)
        wait_until(lambda: "no_key_file_to_read" in supervisor.output.read_text())
        assert not any(has_ended(pid) for pid in supervisor.children.values())
        supervisor.process.terminate()
        assert supervisor.process.wait(DEADLINE) == 0
    assert "Told auth_service and gateway to read their files again." in supervisor.output.read_text()


def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    """Whoever closes the terminal window leaves nothing running."""
    ours, theirs = pty.openpty()
    with supervising(tmp_path, terminal=theirs) as supervisor:
        os.close(theirs)
        os.close(ours)
        assert supervisor.process.wait(DEADLINE) == 0
        assert all(has_ended(pid) for pid in supervisor.children.values())


def without_epochs(printed: str) -> str:
    """Return what was printed but for the lines about new epochs, which services find out while they serve already."""
    return "".join(line for line in printed.splitlines(keepends=True) if EPOCH not in line)


def test_what_a_person_sees(tmp_path: Path) -> None:
    """A healthy start prints no warning and ends with the greeting; then nothing comes until the stack is stopped.

    So it is the first time, with migrations, and again, with new epochs. ``LOG_LEVEL`` is the usual one.
    """
    for lines, epochs in ((5, 0), (3, 2)):  # of two services: migrations, if there are any, and databases; mail is off
        with supervising(tmp_path) as supervisor:
            wait_until(lambda read=supervisor.output.read_text, epochs=epochs: read().count(EPOCH) >= epochs)
            time.sleep(SILENCE)
            printed = supervisor.output.read_text()
            assert len(re.findall(rf"\[info +\] {EPOCH} ", printed)) == printed.count(EPOCH) == epochs
            begun, greeting = without_epochs(printed).split("\nGatepost runs at ")
            logged = [line for line in begun.splitlines() if not line.startswith("chmod ")]  # said to root alone
            assert [line.split()[1] for line in logged] == ["[info"] * lines
            assert greeting.endswith("""correct horse battery"}'\n\n""")
            supervisor.process.terminate()
            assert supervisor.process.wait(DEADLINE) == 0
        assert without_epochs(supervisor.output.read_text()).endswith(greeting + "Stopped.\n")


def test_a_mailbox_on_request(tmp_path: Path) -> None:
    """With ``--mailbox`` letters go to one, whose page the greeting names; it ends with the rest, and says nothing."""
    with supervising(tmp_path, "--mailbox") as supervisor:
        assert sorted(supervisor.children) == sorted([*PARTS, "deploy.mailbox"])
        assert supervisor.mailbox is not None
        assert f"\n  letters        {supervisor.mailbox}   shows all letters\n" in supervisor.output.read_text()
        assert httpx2.get(f"{supervisor.mailbox}/letters.json", timeout=10, trust_env=False).json() == []
        given = read_environment(supervisor.children["auth_service"])
        assert given["MAIL_FROM"] == "Gatepost <no-reply@localhost>"
        smtp = urlsplit(given["SMTP_URL"])
        assert (smtp.scheme, smtp.hostname, smtp.query) == ("smtp", "127.0.0.1", "tls=none")
        with smtplib.SMTP("127.0.0.1", smtp.port or 0, timeout=10) as letter:
            letter.sendmail("a@example.com", ["b@example.com"], "Subject: It came\n\n")
        (came,) = httpx2.get(f"{supervisor.mailbox}/letters.json", timeout=10, trust_env=False).json()
        assert came["subject"] == "It came"
        assert not SAMPLE_SECRETS.keys() & read_environment(supervisor.children["deploy.mailbox"]).keys()
        supervisor.process.terminate()
        assert supervisor.process.wait(DEADLINE) == 0
        assert all(has_ended(pid) for pid in supervisor.children.values())
    lines = supervisor.output.read_text().splitlines()
    assert [line for line in lines if "arning" in line or "Traceback" in line] == []
    assert lines[-1] == "Stopped."


def read_environment(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    lines = Path(f"/proc/{pid}/environ").read_text().removesuffix("\0").split("\0")
    return dict(line.split("=", 1) for line in lines)


def test_a_mailbox_that_dies(tmp_path: Path) -> None:
    """The mailbox is a part as any other: when it dies everything is stopped, and one sentence says so."""
    with supervising(tmp_path, "--mailbox") as supervisor:
        os.kill(supervisor.children["deploy.mailbox"], signal.SIGKILL)
        assert supervisor.process.wait(DEADLINE) == 1
        assert all(has_ended(pid) for pid in supervisor.children.values())
    last = supervisor.output.read_text().splitlines()[-1]
    assert last == "Gatepost: mailbox ended by itself (signal SIGKILL), so everything was stopped"


def test_two_can_not_share_data(tmp_path: Path) -> None:
    """A second stack on the data of a running one is refused with one sentence that says what to do."""
    with supervising(tmp_path):
        command = [sys.executable, "-m", "stack", "--port", "0", "--data", str(tmp_path)]
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"Gatepost: a stack runs on {tmp_path} already; another needs its data elsewhere")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(("victim", "named"), [("posts_service", "posts_service"), ("postgres", "PostgreSQL")])
def test_one_part_dies_and_all_stop(tmp_path: Path, victim: str, named: str) -> None:
    """When one part dies the others are stopped, and one sentence says which it was."""
    with supervising(tmp_path) as supervisor:
        os.kill(supervisor.children[victim], signal.SIGKILL)
        assert supervisor.process.wait(DEADLINE) == 1
        assert all(has_ended(pid) for pid in supervisor.children.values())
    last = supervisor.output.read_text().splitlines()[-1]
    assert last == f"Gatepost: {named} ended by itself (signal SIGKILL), so everything was stopped"


def test_nobody_reads_what_is_printed(tmp_path: Path) -> None:
    """With a full pipe for its output the stack starts, answers, and ends when it is told to."""
    description = tmp_path / "stack.json"
    command = [sys.executable, "-m", "stack", "--port", "0", "--data", tmp_path, "--describe", description]
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
    with subprocess.Popen(command, cwd=ROOT, stdout=writer, stderr=writer) as process:
        try:
            wait_until(lambda: description.exists() or process.poll() is not None)
            url = json.loads(description.read_text())["gateway"]
            assert httpx2.get(f"{url}/api/posts", timeout=10, trust_env=False).status_code == 200
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """Killed without a chance to clean up, the supervisor still takes its parts with it."""
    with supervising(tmp_path) as supervisor:
        supervisor.process.kill()
        supervisor.process.wait(DEADLINE)
        wait_until(lambda: all(has_ended(pid) for pid in supervisor.children.values()))


async def test_data_outlives_a_restart(tmp_path: Path) -> None:
    """Who signed up before a restart can sign in after it."""
    with supervising(tmp_path) as supervisor:
        async with httpx2.AsyncClient(base_url=supervisor.gateway, timeout=10) as client:
            ada = await sign_up_and_in(client, "Ada Lovelace")
        supervisor.process.terminate()
        supervisor.process.wait(DEADLINE)
    with supervising(tmp_path) as supervisor:
        async with httpx2.AsyncClient(base_url=supervisor.gateway, timeout=10) as client:
            answer = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    assert (answer.status_code, answer.json()["id"]) == (200, ada.id)


def test_a_browser_is_led_to_the_front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The greeting names the public URL for browsers, which may be a front end's, and the gateway's own for the API."""
    monkeypatch.setenv("NEXTAUTH_URL", "http://localhost:3999")
    with supervising(tmp_path) as supervisor:
        said = supervisor.output.read_text()
    assert "in a browser   http://localhost:3999/userposts" in said
    assert f"the API        {supervisor.gateway}/docs" in said


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """A port that something else listens on stops the start with one sentence that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "stack", "--port", port, "--data", str(tmp_path)]
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.count("\n") == 1
    assert f"port {port}" in finished.stderr


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    """A setting that a service refuses is named in the service's own line, and nothing keeps running."""
    command = [sys.executable, "-m", "stack", "--port", "0", "--data", str(tmp_path)]
    environment = {**os.environ, "ACCESS_TOKEN_TTL": "soon"}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "ACCESS_TOKEN_TTL" in finished.stderr
    assert "Traceback" not in finished.stderr


def run_operators_command(data: Path, *words: str, path: str = "") -> "subprocess.CompletedProcess[str]":
    """Return what ``python -m stack`` said to these words, with a password on its standard input.

    ``path``: from there to the data, if that is not named from the root.
    """
    command = [sys.executable, "-m", "stack", "--data", path or str(data), *words]
    return subprocess.run(command, cwd=data, input=PASSWORD, capture_output=True, text=True, check=False, env=PATHS)


def test_operators_reach_it(tmp_path: Path) -> None:
    """The operators' command line works on the stack that runs, without settings; where none runs, it says so."""
    with supervising(tmp_path) as supervisor:
        created = run_operators_command(tmp_path, "user", "create", "Ada", "ada@example.com", "--json")
        assert created.returncode == 0, created.stderr
        changed = run_operators_command(
            tmp_path, "user", "role", str(json.loads(created.stdout)["id"]), "--add", "admin"
        )
        assert (changed.returncode, changed.stderr) == (0, "")
        assert re.search(r"^roles +admin$", changed.stdout, re.MULTILINE)
        assert run_operators_command(tmp_path, "user", "show", "999").returncode == 1
        examined = run_operators_command(tmp_path, "doctor", path=".")
        assert (examined.returncode, examined.stderr) == (0, ""), examined.stdout
        supervisor.process.terminate()
        supervisor.process.wait(DEADLINE)
    refused = run_operators_command(tmp_path, "user", "list")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Gatepost: nothing runs on {tmp_path}; start it with `make run`")
