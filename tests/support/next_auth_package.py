"""The published npm package next-auth, as the tests run it: programs in ``tests/next_auth``, installed as locked."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from shared.settings import SAMPLE_SECRETS
from tests.support.node import NodeProgram, install_packages, running_program

FOLDER = Path(__file__).parents[1] / "next_auth"


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
def running_client(page_url: str) -> Iterator[NextAuthClient]:
    """Give a client whose page stands at this address."""
    install_packages(FOLDER)
    with running_program(FOLDER / "client.mjs", {"PAGE_URL": page_url}) as program:
        yield NextAuthClient(program)


@contextlib.contextmanager
def running_server_side(public_url: str) -> Iterator[NodeProgram]:
    """Give what a Next.js server has: ``next-auth/jwt`` and ``next-auth/middleware``, with our sample secret."""
    install_packages(FOLDER)
    settings = {"NEXTAUTH_URL": public_url, "NEXTAUTH_SECRET": SAMPLE_SECRETS["NEXTAUTH_SECRET"]}
    with running_program(FOLDER / "server_side.mjs", settings) as program:
        yield program
