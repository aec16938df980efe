"""The key file while the service runs: a new one counts at once, a bad one changes nothing, nobody is signed out."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from jose import jwt
from starlette.applications import Starlette
from structlog.testing import capture_logs

from auth_service.app import create_app
from auth_service.verifiers import key_file
from shared.observing.metrics import Metrics
from tests.support.people import PASSWORD, sign_up_and_in
from tests.support.rotating_keys import write_keys
from tests.support.services import auth_settings, client_of, running
from tests.support.signers import SECRET, Signer, kid_of, make_ec_key, pair_up
from tests.support.waiting import eventually

ONE, TWO = (pair_up(make_ec_key(number)) for number in (1, 2))


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service look at its file more often than once a second."""
    monkeypatch.setattr(key_file, "LOOK_EVERY", 0.02)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a key file with one pair."""
    return write_keys(tmp_path / "keys.pem", ONE.pem)


def spoil(path: Path, content: bytes | None, mode: int) -> None:
    """Take the key file away, or put one with this content and mode in its place."""
    if content is None:
        path.unlink()
        return
    new = write_keys(path.with_name("other"), content)
    new.chmod(mode)
    new.rename(path)


@pytest.fixture
async def service(app: Starlette, auth_database_url: str, file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an auth service that signs by the file."""
    del app  # it makes the tables
    async with running_service(auth_database_url, file) as client:
        yield client


def running_service(database_url: str, file: Path | None, secret: str | None = None) -> "_Running":
    """Give a client of an auth service with a key file, a shared secret, or both."""
    name = str(file) if file is not None else None
    return _Running(create_app(auth_settings(database_url, secret_key=secret, token_key_file=name), Metrics()))


class _Running:
    def __init__(self, app: Starlette) -> None:
        self.running, self.client = running(app), client_of(app)

    async def __aenter__(self) -> httpx2.AsyncClient:
        app = await self.running.__aenter__()
        await app.state.parts.database.wait_until_ready()
        return self.client

    async def __aexit__(self, *about: object) -> None:
        await self.client.aclose()
        await self.running.__aexit__(None, None, None)


async def list_published(service: httpx2.AsyncClient) -> list[str]:
    """Return the names of the keys that are published now."""
    return [key["kid"] for key in (await service.get("/.well-known/jwks.json")).json().get("keys", [])]


async def wait_for_keys(service: httpx2.AsyncClient, *signers: Signer) -> None:
    """Wait until these keys are published, in this order."""
    wanted, published = [each.kid for each in signers], ["not asked"]
    for _ in range(500):
        if (published := await list_published(service)) == wanted:
            return
        await asyncio.sleep(0.01)
    assert published == wanted


async def sign_in(service: httpx2.AsyncClient, email: str) -> str:
    """Return a fresh access token."""
    answer = await service.post("/api/login", json={"username": email, "password": PASSWORD})
    return str(answer.json()["accessToken"])


async def is_good(service: httpx2.AsyncClient, token: str) -> bool:
    """Tell whether the service takes a token."""
    return (await service.get("/api/me", headers={"authorization": f"Bearer {token}"})).status_code == 200


def kid(token: str) -> str:
    """Return the key that a token names."""
    return str(jwt.get_unverified_header(token)["kid"])


async def test_a_key_is_announced_then_signs_then_retires(service: httpx2.AsyncClient, file: Path) -> None:
    """Each step is a change of the file; tokens of before are good until their key is taken out, and no longer."""
    ada = await sign_up_and_in(service, "Ada Lovelace")
    assert kid(ada.token) == ONE.kid
    write_keys(file, ONE.pem, TWO.public_pem)
    await wait_for_keys(service, ONE, TWO)
    assert kid(await sign_in(service, ada.email)) == ONE.kid
    write_keys(file, TWO.pem, ONE.public_pem)
    await wait_for_keys(service, TWO, ONE)
    new = await sign_in(service, ada.email)
    assert kid(new) == TWO.kid
    assert [await is_good(service, each) for each in (ada.token, new)] == [True, True]
    write_keys(file, TWO.pem)
    await wait_for_keys(service, TWO)
    assert [await is_good(service, each) for each in (ada.token, new)] == [False, True]


async def test_from_a_secret_to_a_key_pair(app: Starlette, auth_database_url: str, file: Path) -> None:
    """Beside a secret a first pair is announced, then signs; tokens of the secret are good all the while."""
    del app
    write_keys(file, ONE.public_pem)
    async with running_service(auth_database_url, file, SECRET) as service:
        ada = await sign_up_and_in(service, "Ada Lovelace")
        assert (kid(ada.token), await list_published(service)) == (kid_of(SECRET), [ONE.kid])
        write_keys(file, ONE.pem)
        new = ada.token
        for _ in range(500):
            if kid(new := await sign_in(service, ada.email)) == ONE.kid:
                break
        assert kid(new) == ONE.kid
        assert [await is_good(service, each) for each in (ada.token, new)] == [True, True]


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"nonsense", 0o600, "holds no key in PEM"),
        (TWO.public_pem, 0o600, "begins with a public key; its first key signs, and must be private"),
        (TWO.pem, 0o644, "others can read"),
        (TWO.pem[:100], 0o600, "a PEM block that has no end"),
        (None, 0o600, "can't be read"),
    ],
)
async def test_a_bad_file_changes_nothing(
    service: httpx2.AsyncClient, file: Path, content: bytes | None, mode: int, reason: str
) -> None:
    """What can't be used is logged once, with the reason and nothing that the file holds; the keys in use stay."""
    with capture_logs() as logs:
        spoil(file, content, mode)
        await eventually(lambda: any(entry["log_level"] == "error" for entry in logs))
        await asyncio.sleep(0.2)
    (told,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert told["event"] == "token_keys_refused"
    assert reason in told["reason"]
    assert await list_published(service) == [ONE.kid]
    write_keys(file, TWO.pem)
    await wait_for_keys(service, TWO)


async def test_a_file_that_could_not_be_read_is_tried_again(
    service: httpx2.AsyncClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file that can't be read for a moment counts as soon as it can, unchanged; the failure is logged once."""
    failed, open_file = 0, os.open

    def fail(path: str | Path, *rest: int) -> int:
        nonlocal failed
        if path != file:
            return open_file(path, *rest)
        failed += 1
        raise OSError(errno.EIO, "as a disk of the network may fail")

    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", fail)
            write_keys(file, TWO.pem, ONE.public_pem)
            await eventually(lambda: failed > 2)
        await wait_for_keys(service, TWO, ONE)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["token_keys_refused"]


async def test_going_back_to_the_secret_is_told(app: Starlette, auth_database_url: str, file: Path) -> None:
    """A file that holds no private key any more lets the shared secret sign again, which is a warning."""
    del app
    async with running_service(auth_database_url, file, SECRET) as service:
        with capture_logs() as logs:
            write_keys(file, ONE.public_pem, TWO.public_pem)
            await wait_for_keys(service, ONE, TWO)
        ada = await sign_up_and_in(service, "Ada Lovelace")
    assert kid(ada.token) == kid_of(SECRET)
    assert [(entry["event"], entry["kid"]) for entry in logs if entry["log_level"] == "warning"] == [
        ("token_key_withdrawn", ONE.kid)
    ]


async def test_a_change_before_the_start_is_not_missed(app: Starlette, auth_database_url: str, file: Path) -> None:
    """A file that changes between the first reading and the start of the service is read again."""
    del app
    built = running_service(auth_database_url, file)
    write_keys(file, TWO.pem)
    async with built as service:
        await wait_for_keys(service, TWO)


async def test_a_link_that_is_moved_is_a_change(app: Starlette, auth_database_url: str, tmp_path: Path) -> None:
    """What the path leads to counts: Kubernetes moves a link to a folder, and touches neither file."""
    del app
    for name, signer in (("one", ONE), ("two", TWO)):
        (tmp_path / name).mkdir()
        write_keys(tmp_path / name / "keys.pem", signer.pem)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "keys.pem").symlink_to("data/keys.pem")
    async with running_service(auth_database_url, tmp_path / "keys.pem") as service:
        await wait_for_keys(service, ONE)
        (tmp_path / "moved").symlink_to("two")
        (tmp_path / "moved").rename(tmp_path / "data")
        await wait_for_keys(service, TWO)


async def test_sighup_ends_nothing(app: Starlette, auth_database_url: str) -> None:
    """Without a key file SIGHUP is answered by a line in the log, and not by the end of the process."""
    del app
    async with running_service(auth_database_url, None, SECRET) as service:
        assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
        with capture_logs() as logs:
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: any(entry["event"] == "no_key_file_to_read" for entry in logs))
        assert (await service.get("/livez")).status_code == 200


async def test_sighup_reads_it_at_once(
    service: httpx2.AsyncClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGHUP reads the file, changed or not, and says what is in use; a key that nobody could know yet is a warning."""
    monkeypatch.setattr(key_file, "LOOK_EVERY", 3600.0)
    with capture_logs() as logs:
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: any(entry["event"] == "token_keys_in_use" for entry in logs))
        await asyncio.sleep(0.1)  # a look of before may still find the change
        write_keys(file, TWO.pem)
        os.kill(os.getpid(), signal.SIGHUP)
        await wait_for_keys(service, TWO)
    assert [(entry["event"], entry["kid"]) for entry in logs if entry["log_level"] == "warning"] == [
        ("token_key_not_announced", TWO.kid)
    ]
