"""Each command of ``docs/operations.md`` is run by a test: who runs which section, and that nothing is left out."""

import ast
import re

import pytest

from tests.support.house import ROOT
from tests.support.operations_page import PAGE, Command, Commands, is_as_shown, list_languages, read_commands

TEXT = PAGE.read_text()
COMMANDS = read_commands(TEXT)

# A section with a command, by its heading, and the test that runs it: by `with section("...")`.
RUN_BY: dict[str, str] = {
    "First start in production": "tests/containers/conftest.py",
    "Dumps": "tests/containers/test_restore.py",
    "Who is to be deleted again": "tests/containers/test_restore.py",
    "Every night and every month": "tests/containers/test_restore.py",
    "Trying a backup": "tests/containers/test_restore.py",
    "A point in time": "tests/containers/test_restore.py",
    "Changing a secret": "tests/containers/test_changing_secrets.py",
    "Passwords of the databases": "tests/containers/test_changing_secrets.py",
    "Credentials of services": "tests/containers/test_changing_secrets.py",
    "When PostgreSQL fails": "tests/containers/test_failover.py",
    "Logs": "tests/containers/test_logs.py",
    "Beside `make run`": "tests/integration/test_operations.py",
    "Upgrading": "tests/containers/test_upgrade.py",
    "When a migration fails": "tests/containers/test_upgrade.py",
    "Containers: limits, restarts, proxies, own rules": "tests/containers/test_upgrade.py",
    "The doctor": "tests/integration/test_operations.py",
    "The command line": "tests/integration/test_operations.py",
    "When a user needs help": "tests/integration/test_operations.py",
    "Users of another system": "tests/integration/test_operations.py",
    "Access tokens by a key pair": "tests/containers/test_key_pair.py",
    "Changing the key pair": "tests/containers/test_key_pair.py",
    "How to look": "tests/containers/test_watching.py",
    "Capacity": "tests/containers/test_watching.py",
}
SHELL = {"sh", "text"}
NO_SHELL = {"json", "toml", "yaml", "ini", "nginx", "caddyfile", "sql", "promql", "mermaid"}


def list_sections_used(test: str) -> set[str]:
    """Return the headings with which a test module calls ``section``."""
    calls = [node for node in ast.walk(ast.parse((ROOT / test).read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "section"]
    return {argument.value for call in named for argument in call.args if isinstance(argument, ast.Constant)}


def test_each_command_is_run_by_a_test() -> None:
    """A section with a command is listed with the test that runs it, and what is listed has a command."""
    assert set(COMMANDS) == set(RUN_BY)


@pytest.mark.parametrize("heading", RUN_BY)
def test_a_listed_test_runs_its_section(heading: str) -> None:
    """The test that is listed for a section takes the commands from there, and not from a copy of its own."""
    assert heading in list_sections_used(RUN_BY[heading])


def test_no_command_hides() -> None:
    """A command stands in a block of a kind that is looked at; of two sections of one name, neither could be meant."""
    assert list_languages(TEXT) <= SHELL | NO_SHELL
    headings = re.findall(r"^#{2,6} (.+)$", TEXT, re.MULTILINE)
    assert [heading for heading in COMMANDS if headings.count(heading) != 1] == []


# How the page is read

SAMPLE = """
# Title

## One

```sh
# make run
first --now
# compose
second \\
    --later
```

- in a list:

  ```text
  $ third \\
      on
  AT                   ID
  2026-11-24 11:03:34  dda502925dab4ec9
  $ fourth
  ```

## Two

```sh
# only a comment
```

```text
## no heading
and no command
```
"""


def test_commands_are_found() -> None:
    """A block is one command or its parts, a console has one at each prompt; where none is, there is no section."""
    assert read_commands(SAMPLE) == {
        "One": [
            Command("# make run\nfirst --now"),
            Command("# compose\nsecond \\\n    --later"),
            Command("third \\\n    on", "AT                   ID\n2026-11-24 11:03:34  dda502925dab4ec9\n"),
            Command("fourth", ""),
        ]
    }


def test_commands_are_taken_once() -> None:
    """A command that was taken is left no more, and what is not there can't be taken."""
    commands = Commands("One", read_commands(SAMPLE)["One"])
    assert commands.take("second").text.startswith("# compose")
    assert len(commands.left) == 3
    with pytest.raises(LookupError, match="second"):
        commands.take("second")
    assert [command.text for command in commands.take_all()][-1] == "fourth"
    assert commands.left == []


@pytest.mark.parametrize(
    ("expected", "printed", "is_same"),
    [
        ("id    1\nname  Ada", "id      1 \nname    Ada\n", True),
        ("at 2026-11-24 11:03:34", "at 2027-01-01 00:00:00", True),
        ("at 2026-11-24T11:03:34Z", "at 2027-01-01T00:00:00Z", True),
        ("command-dda502925dab4ec9 .", "command-0000000000000000 .", True),
        ("a … z", "a b\nc z", True),
        ("id  1", "id  2", False),
        ("at 2026-11-24 11:03:34", "at noon", False),
        ("a", "a\nb", False),
    ],
)
def test_an_output_is_as_shown(expected: str, printed: str, *, is_same: bool) -> None:
    """Times, long ids and the width of columns vary, and what stands for anything; all else is as shown."""
    assert is_as_shown(expected, printed) is is_same
