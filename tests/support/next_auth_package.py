"""The published npm package next-auth, as the tests run it: programs in ``tests/next_auth``, installed as locked."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.settings import SAMPLE_SECRETS
from shared.tokens.protocol import Version
from tests.support.node import NodeProgram, install_packages, running_program

PACKAGES: Mapping[Version, str] = {"4": "next-auth", "5": "next-auth-5"}
"""The names under which the versions are installed beside one another."""
FOLDER = Path(__file__).parents[1] / "next_auth"
NEXT_SECOND = """() => {
    const told = localStorage["nextauth.message"];
    return !told || Math.floor(Date.now() / 1000) > JSON.parse(told).timestamp;
}"""
"""Version 4 tells other tabs of a change by a text that is the same for a second, and the same text tells nothing."""


class NextAuthClient:
    """A browser without a screen in which ``next-auth/react`` runs."""

    def __init__(self, program: NodeProgram) -> None:
        self._program = program

    def call(self, name: str, *values: object) -> object:
        """Return what a function of the client returns; ``null`` and ``undefined`` are None."""
        return self._program.ask({"call": name, "with": values})

    def sign_in(self, email: str, password: str, **members: object) -> object:
        """Return what ``signIn("credentials", ...)`` returns when it stays on its page."""
        return self.call(
            "signIn", "credentials", {"redirect": False, "username": email, "password": password} | members
        )


@contextlib.contextmanager
def running_client(page_url: str, version: Version = "4") -> Iterator[NextAuthClient]:
    """Give a client whose page stands at this address."""
    install_packages(FOLDER)
    with running_program(FOLDER / "client.mjs", {"PAGE_URL": page_url, "PACKAGE": PACKAGES[version]}) as program:
        yield NextAuthClient(program)


@contextlib.contextmanager
def running_server_side(public_url: str, version: Version = "4") -> Iterator[NodeProgram]:
    """Give what a Next.js server has, with our sample secret: ``next-auth/jwt``, in version 4 also its middleware."""
    install_packages(FOLDER)
    program = {"4": "server_side.mjs", "5": "server_side_5.mjs"}[version]
    with running_program(FOLDER / program, name_settings(public_url)) as running:
        yield running


def name_settings(public_url: str) -> dict[str, str]:
    """Return the settings of an application with next-auth of either version at that URL, with our sample secret."""
    secret = SAMPLE_SECRETS["NEXTAUTH_SECRET"]
    of_version_5 = {"AUTH_URL": public_url, "AUTH_SECRET": secret}
    return {"NEXTAUTH_URL": public_url, "NEXTAUTH_SECRET": secret, **of_version_5}
