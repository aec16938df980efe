"""The attacks on policies that are loosened, word by word and by all words: nothing more gets in than they say."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.test_headers import FOREIGN, WRITES, spoofs
from tests.support.attacks import Attack, Sample, find_successes, report, request_for, send_bytes
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.path_attacks import AIMS, FAMILIES
from tests.support.policies_under_attack import LOOSENED, Loosened
from tests.support.victim import INTRUDER, SESSION_COOKIE, Victim

Record = Callable[[str, object], None]

SIGNS = ["%23", "%3F", "%3B", "%25", "%2F", "%2f", "/", "//", "[", "%2523", "%253B", "%252F", "%25252F", "%2525"]
"""What other spellings are made of, beside what the lists have."""

ABOUT_PATHS = [name for name, policy in LOOSENED.items() if policy.is_about_paths]


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway with a loosened policy, and what it says of its upstream."""

    gateway: RunningGateway
    policy: Loosened

    async def attack(self, victim: Victim, attacks: Iterable[Attack]) -> list[str]:
        """Return the names of the attacks that succeed, sent below the prefix of the upstream."""
        return await find_successes(self.gateway.port, self.gateway.host, victim, map(self.aim, attacks))

    def aim(self, attack: Attack) -> Attack:
        """Return an attack on what the upstream sees."""
        method, blank, rest = attack.data.partition(b" ")
        below = self.policy.prefix.encode() + rest if rest.startswith(b"/") else rest
        return Attack(attack.name, method + blank + below)


@pytest.fixture(scope="module", params=LOOSENED)
async def target(
    request: pytest.FixtureRequest, victim: Victim, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    """Give the gateway ahead of a victim of the kind that the words are meant for."""
    policy = LOOSENED[request.param]
    rules = tmp_path_factory.mktemp("loosened") / "rules.toml"
    rules.write_text(policy.rules.replace("VICTIM", victim.url))
    victim.believes_authorization, victim.believes_session = not policy.checks_authorization, policy.reads_session
    async with running_gateway(rules) as gateway:
        yield Target(gateway, policy)
    victim.believes_authorization, victim.believes_session = True, False


def spell() -> Iterator[Attack]:
    """Give each protected path with one or two signs of other spellings anywhere in it."""
    for method, path in AIMS:
        for sign in SIGNS:
            for at in range(1, len(path) + 1):
                one = path[:at] + sign + path[at:]
                further = [one + other for other in SIGNS] + [f"/signup{sign}..{one}", f"/signup{sign}{one}"]
                for written in (one, path[: at - 1] + sign + path[at:], *further):
                    yield Attack(f"{method} {written!r}", request_for(method, written))


def name_callers() -> Iterator[Attack]:
    """Give the headers by which a loosened policy names callers, in all spellings that some server reads alike."""
    for name in ("X-Employee", "Remote-User", "Remote-Email", "Remote-Groups"):
        for sign in "-_.~!*+|'`^":
            for spelled in (name.replace("-", sign), name.lower().replace("-", sign), name.upper().replace("-", sign)):
                for lines in (f"{spelled}: {INTRUDER}\r\n", f"{spelled}: a\r\n{spelled}: {INTRUDER}\r\n"):
                    yield Attack(f"{lines!r}", request_for("GET", "/api/posts", lines))


@pytest.mark.parametrize("family", [*FAMILIES, "spellings"])
@pytest.mark.parametrize("target", ABOUT_PATHS, indirect=True, scope="module")
async def test_no_spelling_of_a_path_passes(
    target: Target, victim: Victim, family: str, record_property: Record, sample: Sample
) -> None:
    """However a protected path is written, no word lets an anonymous caller into its handler."""
    attacks = sample(spell() if family == "spellings" else FAMILIES[family]())
    report(record_property, cases=len(attacks))
    assert await target.attack(victim, attacks) == []


async def test_the_same_spellings_pass_a_naive_guard(naive_port: int, victim: Victim, record_property: Record) -> None:
    """A regular expression on the raw path is bypassed by many of them: these attacks are real."""
    attacks = list(spell())[::12]
    successes = await find_successes(naive_port, f"localhost:{naive_port}", victim, attacks)
    report(record_property, cases=len(attacks), successes=len(successes))
    assert len(successes) > len(attacks) / 10


async def test_no_header_is_believed(target: Target, victim: Victim, record_property: Record, sample: Sample) -> None:
    """With any of the listed headers, and those by which callers are named, an anonymous caller stays nobody."""
    attacks = sample([*spoofs(), *(name_callers() if target.policy.names_callers else ())])
    report(record_property, cases=len(attacks))
    assert await target.attack(victim, attacks) == []


async def test_no_other_site_writes_with_the_cookie(target: Target, victim: Victim, record_property: Record) -> None:
    """A browser's session cookie opens nothing for a request of another site, and does not arrive with it."""
    cookie = f"Cookie: {target.gateway.seal_session()}\r\n"
    writes = [*WRITES, ("POST", "/signup"), ("DELETE", "/x")] if target.policy.reads_session else WRITES
    attacks = [
        Attack(f"{method} {path} {lines!r}", request_for(method, path, cookie + lines))
        for lines in FOREIGN
        for method, path in writes
    ]
    report(record_property, cases=len(attacks))
    assert await target.attack(victim, attacks) == []


@pytest.mark.parametrize("value", ["x", "", "a.b.c.d.e", '"x"', "x; {name}.0=y", "x; {name}=y", "%22"])
async def test_no_session_is_made_up(target: Target, victim: Victim, value: str) -> None:
    """A session cookie that proves nobody opens nothing, however it is written, and arrives nowhere."""
    attacks = [
        Attack(f"{cookie!r} {path}", request_for("GET", path, f"Cookie: {cookie}\r\n"))
        for name in (SESSION_COOKIE, f"{SESSION_COOKIE}.0", f"__Secure-{SESSION_COOKIE}", f"\xa0{SESSION_COOKIE}")
        for cookie in (f"{name}={value}".replace("{name}", SESSION_COOKIE), f"a=b; {name} ={value}")
        for path in ("/userposts/1", "/api/me", "/api/posts")
        if "__Secure-" not in name or path != "/api/posts"  # there, another application's own
    ]
    assert await target.attack(victim, attacks) == []


async def test_the_marker_is_there_for_whoever_signed_in(target: Target, victim: Victim) -> None:
    """By the session cookie, which counts under every policy, a caller does get into the handler that is attacked."""
    lines = f"Cookie: {target.gateway.seal_session()}\r\nSec-Fetch-Site: same-origin\r\n"
    for method, path in AIMS:
        attack = target.aim(Attack("", request_for(method, path, lines)))
        data = attack.data.replace(b"{host}", target.gateway.host.encode()).replace(b"{case}", b"own")
        assert victim.marker.encode() in await send_bytes(target.gateway.port, data)
