"""The README's policy table is the policy file, and both READMEs show the same commands."""

import re
from pathlib import Path

from gateway.policy.file import load_policy
from gateway.policy.methods import FORWARDED_METHODS
from gateway.policy.rules import Authorization, Rule
from stack.services import BEHIND_GATEWAY

ROOT = Path(__file__).parents[2]
SERVICES = {service.url_setting: "http://127.0.0.1:1" for service in BEHIND_GATEWAY}
READMES = ("README.md", "README.ko.md")


def as_row(rule: Rule) -> str:
    """Return the row of the README's table that tells of a rule."""
    matchers = " ".join(f"`{matcher.source}`" for matcher in rule.matchers)
    methods = "all" if rule.methods == FORWARDED_METHODS else " ".join(sorted(rule.methods - {"HEAD"}))
    recent = f", signed in within {rule.max_auth_age} s" if rule.max_auth_age else ""
    own = ", by credentials of its own" if rule.authorization is Authorization.OWN else ""
    return f"| {matchers} | {methods} | {rule.access}{recent}{own} | {rule.upstream} |"


def test_the_readme_shows_the_policy() -> None:
    """The README's table has one row for each rule of ``gateway/rules.toml``, in its order, and no other."""
    expected = [as_row(rule) for rule in load_policy(ROOT / "gateway" / "rules.toml", SERVICES).rules]
    text = (ROOT / "README.md").read_text()
    table = text.partition("| matcher | methods | access | goes to |\n")[2].partition("\n\n")[0]
    assert table.splitlines()[1:] == expected


def test_both_readmes_show_the_same_commands() -> None:
    """The commands and outputs of the Korean README are those of the English one, which are run."""
    blocks = [re.findall(r"```console\n.*?```", (ROOT / page).read_text(), re.DOTALL) for page in READMES]
    assert blocks[0]
    assert blocks[0] == blocks[1]
