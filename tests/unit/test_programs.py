"""The programs of ``tests/programs``, which are walked by hand: their rules are valid, and the docs have them all."""

from pathlib import Path

import pytest

from gateway.policy.file import load_policy
from tests.programs.catalogue import PROGRAMS
from tests.programs.program import Program
from tests.programs.running import write_policy
from tests.support.house import ROOT

TABLE = [line for line in (ROOT / "docs" / "programs.md").read_text().splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_policy_of_a_program_is_one(program: Program, tmp_path: Path, *, with_words: bool) -> None:
    """A gateway starts with the rule of each program, with its words and without."""
    rules = tmp_path / "rules.toml"
    rules.write_text(write_policy(program, 8080, with_words=with_words))
    policy = load_policy(rules, {"AUTH_SERVICE_URL": "http://127.0.0.1:8001"})
    assert policy.rules[-1].upstream is not None


def test_the_docs_have_each_program() -> None:
    """``docs/programs.md`` has a line for each program, with each word of its rule."""
    assert [line.split("`")[1] for line in TABLE] == [program.name for program in PROGRAMS]
    for program, line in zip(PROGRAMS, TABLE, strict=True):
        for word in [*program.words, *program.upstream]:
            assert f"`{word}" in line, (program.name, word)
