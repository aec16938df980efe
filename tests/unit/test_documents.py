"""What documents and configurations for others say is there, and what is there is said."""

import base64
import json
import re
from pathlib import Path

import pytest

from gateway.policy.file import parse_policy
from gateway.policy.reach import lacks_style, tell_lacking
from gateway.settings import GatewaySettings
from shared.tokens.key_pairs import IssuerKeys, make_key_pair, read_key_pairs
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.lacking import OurPage
from shared.web.sites import name_of
from stack.services import SETTING_NAMES
from tests.support.house import ROOT

RESERVED = ("example.com", "example.org", "example.net", "example", "localhost")  # RFC 2606, and this machine
LONGEST_README = 200  # lines


def test_the_list_of_targets_stands_in_columns() -> None:
    """``make help`` leaves room for the longest name of a target that it lists."""
    text = (ROOT / "Makefile").read_text()
    names = re.findall(r"^([a-z -]+):.*## ", text, re.MULTILINE)
    (room,) = re.findall(r"make %-(\d+)s", text)
    assert max(map(len, names)) <= int(room)


def test_nginx_sets_no_variable_in_vain() -> None:
    """Each variable that the configuration for nginx sets is used there."""
    text = (ROOT / "docs" / "forward-auth" / "nginx.conf").read_text()
    for name in re.findall(r"auth_request_set (\$\w+)", text):
        assert text.count(name) > 1, name


def test_images_of_nobody() -> None:
    """The README of Kubernetes names images at hosts that belong to nobody."""
    text = (ROOT / "deploy" / "kubernetes" / "README.md").read_text()
    hosts = re.findall(r"(?:name|newName): ([a-z0-9.-]+)/", text)
    assert hosts
    assert not [host for host in hosts if not host.endswith(RESERVED)]


def test_what_compose_has_otherwise_is_said() -> None:
    """``docs/settings.md`` names each default of compose that is not the one of ``.env.example``."""
    compose = (ROOT / "docker-compose.yml").read_text()
    ours = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    page = (ROOT / "docs" / "settings.md").read_text()
    others = {
        name: value
        for name, value in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", compose)
        if value and name in SETTING_NAMES and ours[name] not in {"", value} and name != "GATEWAY_RULES"
    }
    assert {"LOG_FORMAT", "DRAIN_SECONDS"} <= set(others)
    for name, value in others.items():
        (row,) = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
        assert f"containers: `{value}`" in row


# What documents refer to

PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md", "examples/*/*.md", "tests/*/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
LINK = re.compile(r"\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)")
FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|toml|sql|sh|html|po|conf|md))(?:::\w+)?`")
OURS = (
    *("auth_service", "posts_service", "gateway", "shared", "stack", "deploy", "docs", "examples/comments"),
    *("tests/support", "tests/unit"),
)
PLACES = ("", "tests", "gateway", "tests/service/gateway")  # below which a page may name a file in short
NAMES = {
    # A bare name need not say where.
    *(path.name for folder in OURS for path in (ROOT / folder).rglob("*.*")),
    *(path.name for pattern in ("*/*.py", "*/*/*.py") for path in (ROOT / "examples").glob(pattern)),
    *("providers.toml", "brand.toml", "en.po"),  # whoever runs it writes them
}


def list_headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another file names one that is there, and a heading that it has."""
    for path, anchor in LINK.findall((ROOT / page).read_text()):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        assert not anchor or anchor in list_headings(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_are_named_are_there(page: Path) -> None:
    """A file of ours that a page names is there, under that name."""
    places = [(ROOT / page).parent, *(ROOT / place for place in PLACES)]
    names = set(FILE.findall((ROOT / page).read_text())) - NAMES
    assert not [name for name in names if not any((place / name).is_file() for place in places)]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_modules_that_are_run_are_there(page: Path) -> None:
    """A module of ours that a page runs by ``python -m`` is there."""
    ours = r"python -m ((?:auth_service|posts_service|gateway|shared|stack|deploy|tests)[\w.]*)"
    paths = [ROOT / name.rstrip(".").replace(".", "/") for name in re.findall(ours, (ROOT / page).read_text())]
    assert not [path for path in paths if not (path.with_suffix(".py").is_file() or (path / "__main__.py").is_file())]


def test_the_sample_of_several_hosts_can_be_used() -> None:
    """``docs/hosts.md`` shows settings that go together, and a policy for the hosts that they serve."""
    page = (ROOT / "docs" / "hosts.md").read_text()
    shown = dict(re.findall(r"^([A-Z_]+)=(.*)$", page.partition("```sh")[2].partition("```")[0], re.MULTILINE))
    keys = {"secret_key": "k" * 40, "nextauth_secret": "n" * 40, "service_secret": "s" * 40}
    settings = GatewaySettings.model_validate(keys | {name.lower(): value for name, value in shown.items()})
    text = page.partition("```toml")[2].partition("```")[0]
    policy = tell_lacking(parse_policy(text, settings.rule_variables(), served=settings.host_names))
    named = {f"https://{host}" for rule in policy.rules for host in rule.hosts}
    assert {settings.nextauth_url, *named} == set(settings.sites.origins)
    assert not lacks_style(policy)
    name = name_of(settings.nextauth_url.partition("://")[2])
    assert not {OurPage.ACCOUNT, OurPage.SIGN_UP, OurPage.FORGOT} & policy.list_lacking(name)


def test_the_readme_is_short() -> None:
    """The README is read to its end: it has at most 200 lines."""
    assert (ROOT / "README.md").read_text().count("\n") <= LONGEST_README


def test_the_claims_of_a_token_are_described() -> None:
    """``docs/behind-the-gateway.md`` names exactly the claims that an access token may have."""
    pairs = read_key_pairs(make_key_pair().encode())  # what a secret signs has not all of them
    tokens = AccessTokens(IssuerKeys(KeyRing("k" * 32), pairs), "https://id.example.org", ttl=60)
    token = tokens.sign(
        user_id=1,
        name="Ada",
        email="ada@example.org",
        session_id="s",
        now=0,
        authenticated_at=0,
        roles=["admin"],
        email_verified=True,
    )
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    table = (ROOT / "docs/behind-the-gateway.md").read_text().partition("| claim | meaning |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(claims)
