"""Password hashes as other systems make them: by node's bcrypt and by Django themselves."""

import json
import subprocess
from collections.abc import Mapping, Sequence

import pytest

from tests.support.house import ROOT
from tests.support.node import install_packages, running_program

FOLDER = ROOT / "tests" / "hashes"
DJANGO = FOLDER / ".venv" / "bin" / "python"

KNOWN_OF_DJANGO = ("pbkdf2_sha256", "scrypt", "argon2", "bcrypt")
UNKNOWN_OF_DJANGO = ("bcrypt_sha256", "pbkdf2_sha1")
PASSWORDS = (
    "correct horse battery",
    " ",
    "x" * 72,
    "x" + "\ud55c" * 40,  # the 72nd byte is in the middle of a letter
    "p\u00e4ssw\u00f6rd \U0001f600 \ube44\ubc00",
)


def make_node_hashes(passwords: Sequence[str], cost: int = 4) -> list[str]:
    """Return the hash that node's ``bcrypt`` makes of each password; skip where there is no Node."""
    install_packages(FOLDER)
    with running_program(FOLDER / "node_hashes.mjs", {}) as program:
        return [str(program.ask({"password": password, "cost": cost})) for password in passwords]


def make_django_hashes(passwords: Sequence[str]) -> list[Mapping[str, str]]:
    """Return the hash that each of Django's hashers makes of each password; skip where ``make`` did not install it."""
    if not DJANGO.exists():
        pytest.skip(f"`make {FOLDER.relative_to(ROOT)}/.venv/ready` has not been run")
    command = [DJANGO, FOLDER / "django_hashes.py"]
    done = subprocess.run(command, input=json.dumps(passwords), capture_output=True, text=True, timeout=120, check=True)
    made: list[Mapping[str, str]] = json.loads(done.stdout)
    return made
