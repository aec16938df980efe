"""What ``doctor`` of the gateway finds by its public URL: TLS, the proxy in front, and what that changes on the way."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import SecretStr

from gateway import public_url
from gateway.pages.doctor_answer import SIGNATURE_HEADER
from gateway.public_url import examine_public_url
from gateway.settings import GatewaySettings
from tests.support.certificates import Authority
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.ports import find_free_port

HERE = (ipaddress.ip_network("127.0.0.1"),)
Head = list[bytes]
Change = Callable[[Head], Head]


def keep(head: Head) -> Head:
    """Change nothing."""
    return head


def name_client(head: Head) -> Head:
    """Say for whom a request is sent, as a proxy does."""
    return [*head, b"X-Forwarded-For: 192.0.2.7"]


def rename_host(head: Head) -> Head:
    """Send a request to the host by which the proxy itself finds the gateway, as proxies do that are not told."""
    return [b"Host: internal.example" if line.lower().startswith(b"host:") else line for line in head]


def drop_hsts(head: Head) -> Head:
    """Leave out the header that keeps browsers with https."""
    return [line for line in head if not line.lower().startswith(b"strict-transport-security:")]


def forge_answer(head: Head) -> Head:
    """Answer in the gateway's name that a request came from somebody who is trusted."""
    return [line.replace(b'"isTrusted": false', b'"isTrusted": true') for line in head]


def forge_signature(head: Head) -> Head:
    """Answer with a signature that is not even text."""
    name = SIGNATURE_HEADER.lower().encode()
    return [name + b": \xe9" if line.lower().startswith(name) else line for line in head]


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway behind a proxy with TLS, which changes what it passes on."""

    gateway: RunningGateway
    url: str

    async def examine(self, **changes: object) -> dict[str, list[str]]:
        """Return by their level what is found, and what is to be done about it."""
        settings = self.gateway.settings.model_copy(update=changes)
        found: dict[str, list[str]] = {}
        for each in await examine_public_url(settings):
            found.setdefault(each.level.value, []).append(f"{each.says} -> {each.remedy}" if each.remedy else each.says)
        return found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give who signs the certificate."""
    return Authority.create(tmp_path_factory.mktemp("authority"))


@contextlib.asynccontextmanager
async def behind_tls(
    rules: Path,
    authority: Authority,
    ask: Change = keep,
    answer: Change = keep,
    trusted: object = (),
) -> AsyncIterator[Site]:
    """Give a gateway whose public URL is that of a proxy, which changes the heads of requests and answers."""
    port = find_free_port()
    url = f"https://localhost:{port}"
    async with running_gateway(rules, nextauth_url=url, trusted_proxies=trusted) as gateway:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, to = await asyncio.open_connection("127.0.0.1", gateway.port)
            await pass_on(reader, to, ask)
            await pass_on(there, writer, answer)
            writer.write(await there.readuntil(b"}"))
            to.close()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", port, ssl=authority.serve("localhost")):
            yield Site(gateway, url)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change) -> None:
    """Pass on one head."""
    first, *head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n").split(b"\r\n")
    writer.write(b"\r\n".join([first, *change(head), b"", b""]))
    await writer.drain()


@pytest.fixture
def believed(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Give the authority, which this process believes as it believes those of the system."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


async def test_a_proxy_that_is_set_up_well(rules: Path, believed: Authority) -> None:
    """Behind a proxy that keeps what it is sent, and that is trusted, all is well, but for what is about to expire."""
    async with behind_tls(rules, believed, name_client, trusted=HERE) as site:
        found = await site.examine()
    expiry = x509.load_pem_x509_certificate(believed.file.with_name("localhost.pem").read_bytes()).not_valid_after_utc
    assert found == {
        "ok": [
            f"{site.url} leads to this gateway",
            "browsers are told to use https alone (Strict-Transport-Security)",
            "requests come from 127.0.0.1, which is trusted, for 192.0.2.7",
        ],
        "warning": [f"its certificate expires on {expiry:%Y-%m-%d} -> see why it was not renewed yet"],
    }


async def test_a_proxy_that_is_not_trusted(rules: Path, believed: Authority) -> None:
    """A proxy that names clients and is not trusted is a problem, with the setting that trusts it."""
    async with behind_tls(rules, believed, name_client) as site:
        (problem,) = (await site.examine())["problem"]
    assert problem.startswith("X-Forwarded-For comes from 127.0.0.1, which is not trusted")
    assert problem.endswith("-> set TRUSTED_PROXIES=127.0.0.1")


async def test_a_proxy_that_names_nobody(rules: Path, believed: Authority) -> None:
    """A proxy that does not say for whom it asks is a warning, whether it is trusted or not."""
    async with behind_tls(rules, believed, trusted=HERE) as site:
        found = await site.examine()
    assert "problem" not in found
    assert found["warning"][-1].startswith("requests come from 127.0.0.1 without X-Forwarded-For")


async def test_a_proxy_that_changes_the_host(rules: Path, believed: Authority) -> None:
    """A request that arrives for another host than those that are served is a problem."""
    async with behind_tls(rules, believed, lambda head: name_client(rename_host(head))) as site:
        problems = (await site.examine())["problem"]
    assert any(each.startswith("the host that arrives is internal.example, which is not served") for each in problems)


async def test_a_proxy_that_drops_headers_of_answers(rules: Path, believed: Authority) -> None:
    """A header of the answer that does not arrive is a warning."""
    async with behind_tls(rules, believed, answer=drop_hsts) as site:
        warnings = (await site.examine())["warning"]
    assert any(each.startswith("Strict-Transport-Security does not arrive") for each in warnings)


@pytest.mark.parametrize("forge", [forge_answer, forge_signature])
async def test_an_answer_that_was_altered(rules: Path, believed: Authority, forge: Change) -> None:
    """What the gateway says of a request counts as it signed it alone: one that was altered is a stranger's."""
    async with behind_tls(rules, believed, name_client, forge) as site:
        found = await site.examine()
    assert list(found) == ["problem"]
    (problem,) = found["problem"]
    assert "and not by this gateway" in problem


async def test_a_certificate_that_nobody_believes(rules: Path, authority: Authority) -> None:
    """A certificate of an authority that this machine does not know is a problem, and nothing else is said."""
    async with behind_tls(rules, authority) as site:
        found = await site.examine()
    assert list(found) == ["problem"]
    (problem,) = found["problem"]
    assert problem.startswith(f"TLS fails at {site.url}: ")


async def test_another_gateway(rules: Path) -> None:
    """Where the public URL leads to another gateway, which has another secret, that one's answer is not believed."""
    async with running_gateway(rules) as gateway:
        own = gateway.settings.model_copy(
            update={"service_secret": SecretStr("a-secret-of-another-gateway-altogether")}
        )
        (only,) = await examine_public_url(own)
        ours = await examine_public_url(gateway.settings)
    assert (only.level.value, only.says.partition(" by ")[0]) == ("problem", f"{gateway.url} is answered with 200")
    assert [each.level.value for each in ours] == ["ok", "ok"]


async def test_somebody_who_never_ends(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger at the public URL who sends a byte now and then, and no end, does not keep the doctor waiting."""
    monkeypatch.setattr(public_url, "LONGEST", 0.5)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    async with running_gateway(rules) as gateway, await asyncio.start_server(drip, "127.0.0.1", 0) as stranger:
        port = stranger.sockets[0].getsockname()[1]
        settings = gateway.settings.model_copy(update={"nextauth_url": f"http://127.0.0.1:{port}"})
        async with asyncio.timeout(60):
            (only,) = await examine_public_url(settings)
    assert only.level.value in {"problem", "unknown"}


async def test_nobody_there(rules: Path) -> None:
    """Where nothing answers, a URL of this machine may be another's in a container; any other one is a problem."""
    async with running_gateway(rules) as gateway:
        settings = gateway.settings
    (here,) = await examine_public_url(settings)
    nowhere = GatewaySettings.model_validate({**settings.model_dump(), "nextauth_url": "https://gate.invalid"})
    (there,) = await examine_public_url(nowhere)
    assert (here.level.value, "from inside a container" in here.says) == ("unknown", True)
    assert (there.level.value, there.remedy) == ("problem", "make a DNS record for it")
