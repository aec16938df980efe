"""The options with which PostgreSQL is started: of several compose files the last one's command counts alone."""

import yaml

from stack.postgres import DEPLOY
from tests.support.house import ROOT

BOTH = "archive_and_standby.yml"


def read_options(file: str, service: str = "postgres") -> set[str]:
    """Return the options that a file gives a server."""
    folder = ROOT if file == "docker-compose.yml" else DEPLOY
    command = yaml.safe_load((folder / file).read_text())["services"][service]["command"]
    return {word for word in command if word not in {"postgres", "-c"}}


def test_a_file_for_both_has_the_options_of_both() -> None:
    """Archive and standby together lose none of the options that either has, or the stack without them."""
    archive, standby = read_options("archive.yml"), read_options("standby.yml")
    assert read_options(BOTH) == archive | standby
    assert archive & standby == read_options("docker-compose.yml")
    assert read_options(BOTH, "postgres_standby") == {each for each in archive if each.startswith("archive_")}


def test_each_names_the_file_for_both() -> None:
    """Who reads one of the two learns what to do to have the other as well."""
    for file in ("archive.yml", "standby.yml"):
        assert BOTH in (DEPLOY / file).read_text()
