"""Policies written in a few words, and how an invalid one is refused."""

import pytest

from gateway.policy.file import parse_policy
from gateway.policy.rules import Policy, PolicyInvalid

SETTINGS = {"POSTS_URL": "http://posts:8002", "BAD": "ftp://posts"}
HEAD = '[upstreams]\nposts = { address = "http://posts:8002", authorization = "token" }\n'


def rule(path: str, who: str = "public", /, **words: str) -> str:
    """Return the text of a rule; ``words`` are TOML values as written."""
    written = {"matcher": f'["{path}"]', "access": f'"{who}"', "upstream": '"posts"', **words}
    return "[[rule]]\n" + "".join(f"{word} = {value}\n" for word, value in written.items())


def read(*rules: str, head: str = HEAD) -> Policy:
    """Return the policy of these rules."""
    return parse_policy(head + "".join(rules), SETTINGS, "p.toml")


def read_fault(*rules: str, head: str = HEAD) -> str:
    """Return how the policy of these rules is refused: one line."""
    with pytest.raises(PolicyInvalid) as fault:
        read(*rules, head=head)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def has(source: str, key: str, value: str | None = None) -> str:
    """Return the TOML value of a condition list."""
    return f'[{{ type = "{source}", key = "{key}"' + (f', value = "{value}"' if value else "") + " }]"
