"""Attack lists: read from their files, sent as raw bytes, and judged by the marker and the count of entries."""

import asyncio
import codecs
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from tests.support.victim import Victim

FOLDER = Path(__file__).parents[1] / "attacks"
SHED_AGAIN = 10  # times that an attack is sent while it is answered by 503
AT_ONCE = 32  # in one process with what they attack: more would only wait for each other
PATIENCE = 5  # seconds that an answer may take


Case = TypeVar("Case")


class Sample(Protocol):
    """Chooses those cases of a list that a test tries."""

    def __call__(self, cases: Iterable[Case]) -> list[Case]:
        """Return them."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One case: its name in reports, and the bytes that are sent; ``{case}`` and ``{host}`` stand for themselves."""

    name: str
    data: bytes


def read_list(name: str) -> list[str]:
    r"""Return the cases of a list: one a line, with Python's escapes; a line that starts with # is a comment."""
    lines = (FOLDER / name).read_text(encoding="ascii").splitlines()
    return [codecs.decode(line, "unicode_escape") for line in lines if line and not line.startswith("#")]


def request_for(method: str, target: str, lines: str = "") -> bytes:
    """Return a request for a target exactly as written; ``lines`` are whole header lines."""
    length = "" if method in {"GET", "HEAD"} else "Content-Length: 0\r\n"
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: {{host}}\r\nX-Case: {{case}}\r\nConnection: close\r\n{length}{lines}\r\n"
    )
    return head.encode("latin-1")


async def find_successes(
    port: int, host: str, victim: Victim, attacks: Iterable[Attack], patience: float = PATIENCE
) -> list[str]:
    """Send all attacks and return the names of those that got the marker or entered a protected handler."""
    numbered = list(attacks)
    before = len(victim.entries)
    places = asyncio.Semaphore(AT_ONCE)

    async def attack(number: int) -> bytes:
        data = numbered[number].data.replace(b"{case}", b"%d" % number).replace(b"{host}", host.encode())
        for _ in range(SHED_AGAIN):
            async with places:
                answer = await send_bytes(port, data, patience)
            if answer[9:12] != b"503":
                break
            await asyncio.sleep(1)  # as Retry-After says: on a busy machine the gateway sheds what it can't connect
        return answer

    answers = await asyncio.gather(*map(attack, range(len(numbered))))
    victim.crashes += [
        (numbered[number].name, answer[:200]) for number, answer in enumerate(answers) if answer[9:10] == b"5"
    ]
    entered = victim.entries[before:]
    told = [str(number) for number, answer in enumerate(answers) if victim.marker.encode() in answer]
    return sorted({numbered[int(each)].name if each.isdigit() else each for each in (*entered, *told)})


async def send_bytes(port: int, data: bytes, patience: float = PATIENCE) -> bytes:
    """Send bytes on a connection of their own; return the answer until it closes, or nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(data)
        while piece := await asyncio.wait_for(reader.read(65_536), patience):
            answer += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer


def report(record_property: Callable[[str, object], None], **counts: int) -> None:
    """Put counts into the test's report, and where ``pytest -rP`` shows them."""
    for name, count in counts.items():
        record_property(name, count)
        print(f"{name}: {count}")  # noqa: T201 - shown by pytest -rP
