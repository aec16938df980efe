"""Access tokens at services that know nothing of Gatepost but what docs/verify-elsewhere tells: who takes what.

``make verify-elsewhere`` prints the table; ``docs/verify-elsewhere/README.md`` shows it.
"""

import time

import httpx2
import pytest

from tests.support.foreign_forgeries import BEGIN, END, Table, list_forgeries, render_table, summarize
from tests.support.foreign_verifiers import FILES, Verifier, ask
from tests.support.forged_tokens import forge, make_claims, read_claims, read_header
from tests.support.people import Person
from tests.support.rotating_keys import KeyFile
from tests.support.running_stack import StackUrls

PAGE = FILES / "README.md"
VALID = "valid"


@pytest.fixture(scope="module")
async def table(verifiers: list[Verifier], ada: Person, key_file: KeyFile) -> Table:
    """Give what each verifier answers to a valid token, and to the forged ones of each group."""
    forgeries = list_forgeries({**make_claims(), **read_claims(ada.token)}, key_file.signer)
    counted = {f"{group} ({len(tokens)})": tokens for group, tokens in forgeries.items()}
    groups = {VALID: [ada.token], **counted}
    found = {}
    async with httpx2.AsyncClient(timeout=20) as client:
        for each in verifiers:
            found[each.name] = {
                group: summarize([await ask(client, each.orders, token) for token in tokens])
                for group, tokens in groups.items()
            }
    return found


def test_a_valid_token_passes_and_no_forged_one(table: Table) -> None:
    """Each takes a token of the auth service, and answers 401 to all that is expired, forged or for somebody else."""
    print(f"\n{render_table(table)}")  # noqa: T201 - the closing note shows it
    for name, answers in table.items():
        assert {group: answer for group, answer in answers.items() if answer != "401"} == {VALID: "200"}, name


def test_the_page_shows_this_table(table: Table, pytestconfig: pytest.Config) -> None:
    """``docs/verify-elsewhere/README.md`` has the table of this very run."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    written = before + BEGIN + render_table(table) + END + rest.partition(END)[2]
    if pytestconfig.getoption("write_tables"):
        PAGE.write_text(written)
    assert PAGE.read_text() == written


async def test_without_a_token_nobody_passes(
    client: httpx2.AsyncClient, verifiers: list[Verifier], ada: Person
) -> None:
    """Without a token, and with something else in its place, the answer is 401 with a challenge, as no other has."""
    for each in verifiers:
        assert "www-authenticate" not in (await client.get(each.orders, headers=ada.bearer)).headers, each.name
        for headers in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": "Bearer"}):
            answer = await client.get(each.orders, headers=headers)
            assert answer.status_code == 401, each.name
            assert answer.headers["www-authenticate"].startswith("Bearer"), each.name


async def test_each_takes_only_tokens_issued_for_it(
    client: httpx2.AsyncClient, stack: StackUrls, verifiers: list[Verifier], libraries: list[Verifier], ada: Person
) -> None:
    """A token for gatepost and orders opens our own service and an external one for orders, and not one for billing."""
    assert read_claims(ada.token)["aud"] == ["gatepost", "orders"]
    assert read_header(ada.token)["typ"] == "at+jwt"
    assert await ask(client, f"{stack.posts}/api/user/{ada.id}", ada.token) == 200
    for each in verifiers:
        assert await ask(client, each.orders, ada.token) == 200, each.name
    billing = libraries[-1]
    assert await ask(client, billing.orders, ada.token) == 401


async def test_roles_and_the_time_of_sign_in_are_in_the_token(
    client: httpx2.AsyncClient, verifiers: list[Verifier], ada: Person, key_file: KeyFile
) -> None:
    """What is for admins who have just proved who they are opens to them, and to nobody else."""
    now = int(time.time())
    claims = read_claims(ada.token)
    changes: list[tuple[dict[str, object], set[int]]] = [
        ({"roles": ["admin"], "auth_time": now}, {200}),
        ({"roles": ["auditor", "author", "editor", "admin"], "auth_time": now}, {200}),
        ({"roles": ["editor"], "auth_time": now}, {403}),
        ({"roles": [], "auth_time": now}, {403}),
        ({"roles": ["admin"], "auth_time": now - 1000}, {403, 401}),  # the gateway's challenge of RFC 9470
    ]
    for each in verifiers:
        for change, statuses in changes:
            token = forge({**claims, **change}, by=key_file.signer)
            assert await ask(client, each.refunds, token) in statuses, (each.name, change)
        assert await ask(client, each.refunds, ada.token) == 403, each.name


async def test_a_clock_that_is_behind_refuses_nobody(
    client: httpx2.AsyncClient, verifiers: list[Verifier], ada: Person, key_file: KeyFile
) -> None:
    """A token that was issued 20 seconds from now passes: the auth service's clock may be ahead."""
    now = int(time.time())
    token = forge({**read_claims(ada.token), "iat": now + 20, "exp": now + 600}, by=key_file.signer)
    for each in verifiers:
        assert await ask(client, each.orders, token) == 200, each.name
