"""The command line: ``python -m tests.programs [NAME ...]``. Code 1 if a program can do less behind the gateway.

Each program's story is told at its own address, through the gateway with a rule of matcher and access alone, and,
unless that was enough, with the words that its rule has. What failed in the browser goes to the standard error.
"""

import argparse
import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx2
from playwright.async_api import Browser, async_playwright

from tests.programs.catalogue import PROGRAMS
from tests.programs.program import Place, Program
from tests.programs.running import running, running_gateway, write_policy, write_rules
from tests.programs.visit import Visit
from tests.support.browser import ARGUMENTS, find_chromium
from tests.support.people import Person, sign_up_and_in
from tests.support.ports import find_free_port
from tests.support.running_stack import StackUrls, started_stack

STORY_DEADLINE = 150  # seconds
CAN_NOT = "can't:"
KNOWN = "can't, as the docs say:"


class Way(StrEnum):
    """How a program is reached."""

    DIRECT = "direct"
    PLAIN = "plain"  # through the gateway, by a rule of matcher and access alone
    WORDED = "worded"  # by a rule with its words


@dataclass(frozen=True, slots=True)
class Stage:
    """What all programs share."""

    stack: StackUrls
    public_url: str
    person: Person
    browser: Browser
    keep: Path


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.programs", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in PROGRAMS))
    parser.add_argument("--keep", type=Path, help="a folder for the logs of what failed")
    options = parser.parse_args()
    unknown = set(options.names) - {each.name for each in PROGRAMS}
    if unknown:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    chosen = [each for each in PROGRAMS if not options.names or each.name in options.names]
    sys.exit(asyncio.run(run_all(chosen, options.keep)))


async def run_all(chosen: list[Program], keep: Path | None) -> bool:
    """Try programs one after another; tell whether one of them can't."""
    public_url = f"http://localhost:{find_free_port()}"
    failed = False
    with started_stack({"NEXTAUTH_URL": public_url}) as stack, tempfile.TemporaryDirectory() as logs:
        async with _launched_browser() as browser, httpx2.AsyncClient(base_url=stack.auth) as client:
            person = await sign_up_and_in(client, "Ada Lovelace")
            stage = Stage(stack, public_url, person, browser, keep or Path(logs))
            for program in chosen:
                verdict = await try_program(program, stage)
                failed = failed or verdict.startswith(CAN_NOT)
                sys.stdout.write(f"{program.name:18} {verdict}\n")
                sys.stdout.flush()
    return failed


@contextlib.asynccontextmanager
async def _launched_browser() -> AsyncIterator[Browser]:
    """Give a browser that lets any page open a WebSocket to this machine."""
    async with async_playwright() as playwright:
        arguments = [*ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"]
        yield await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)


async def try_program(program: Program, stage: Stage) -> str:
    """Return what came of one program."""
    try:
        lacking = await asyncio.to_thread(program.install)
    except Exception as error:  # noqa: BLE001 - of a registry or a build: another program may do
        return f"not tried: {error}"
    if lacking:
        return f"not tried: {lacking}"
    direct = await tell(program, stage, Way.DIRECT)
    if direct is not None:
        return f"not tried: its story does not hold at its own address: {direct}"
    plain = await tell(program, stage, Way.PLAIN)
    if plain is None:
        return "works at once"
    worded = await tell(program, stage, Way.WORDED) if program.has_words else plain
    if worded is not None:
        return f"{KNOWN if program.lacks else CAN_NOT} {worded}"
    rules = write_rules(program, with_words=True).strip().replace("\n", "\n    ")
    return f"works with words; without: {plain}\n    {rules}"


async def tell(program: Program, stage: Stage, way: Way) -> str | None:
    """Tell the story once; return what went wrong. Then its folder is kept, with all logs."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as made:
        place = Place(Path(made), find_free_port(), stage.public_url)
        place.open_to_all()
        try:
            async with visiting(program, place, stage, way) as visit, asyncio.timeout(STORY_DEADLINE):
                await program.story(visit)
        except Exception as error:  # noqa: BLE001 - whatever a program does
            kept = stage.keep / f"{program.name}-{way}"
            shutil.copytree(made, kept, dirs_exist_ok=True, ignore_dangling_symlinks=True, symlinks=True)
            place.keep(kept, "".join(traceback.format_exception(error)))
            return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{show_refusals(place)}"
    return None


def show_refusals(place: Place) -> str:
    """Return the last refusals that the gateway logged, but those of anonymous callers."""
    found = [
        re.findall(r"(?:method|refusal|matcher|status|reason|path)=\S+", line) for line in place.read_gateway_log()
    ]
    lines = [" ".join(each) for each in found if any("refusal=" in word for word in each)]
    return "".join(f"\n      {line}" for line in lines[-3:] if "refusal=unauthorized" not in line)


@contextlib.asynccontextmanager
async def visiting(program: Program, place: Place, stage: Stage, way: Way) -> AsyncIterator[Visit]:
    """Give a visit to a program that runs, and say afterwards what failed in the browser."""
    async with contextlib.AsyncExitStack() as exits:
        command = program.start(place)
        await exits.enter_async_context(running(command, place.folder, place.port, program.environment))
        url, person = f"http://localhost:{place.port}", None
        if way is not Way.DIRECT:
            policy = write_policy(program, place.port, with_words=way is Way.WORDED)
            await exits.enter_async_context(running_gateway(policy, place, stage.stack))
            url, person = place.public_url, stage.person
        client = await exits.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=60))
        visit = Visit(url, place.folder / "visit", client, stage.browser, person)
        yield visit
        if visit.failed:
            sys.stderr.write(f"{program.name}, {way}: {', '.join(sorted(visit.failed))}\n")


if __name__ == "__main__":
    main()
