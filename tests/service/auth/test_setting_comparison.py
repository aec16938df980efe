"""What ``doctor`` of another service learns from the auth service: who it is there, and which settings are the same."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth_service.app import create_app
from gateway.settings import GatewaySettings
from shared.auth_events.contract import COMPARISON_PATH, GATEWAY
from shared.doctor.findings import Finding
from shared.doctor.setting_comparison import examine_auth_service
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from tests.support.listening import listening
from tests.support.services import auth_settings, posts_settings, running, signing_settings
from tests.support.signers import signer_of

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
OWN, OLD, NEW = "a-secret-of-the-posts-service-alone-01", "a-key-that-is-going-out-of-use-000002", "x" * 40
SETTINGS = {"secret_key": NEW, "secret_key_previous": [OLD], "token_key_file": None, "posts_service_secret": OWN}

DOMAIN = "site.example"
SITE = {"nextauth_url": f"http://app.{DOMAIN}:3000"}


@pytest.fixture(scope="module")
async def address(app: Starlette, auth_database_url: str) -> AsyncIterator[str]:
    """Give the URL of an auth service that changes its secret, and knows the posts service by a secret of its own."""
    del app  # the tables are there
    async with (
        running(create_app(auth_settings(auth_database_url, **SETTINGS), Metrics())) as changing,
        listening(changing) as (url, _),
    ):
        yield url


async def examine(address: str, **changes: object) -> list[tuple[str, str]]:
    """Return the levels and sentences of what a posts service with some settings finds."""
    return [(finding.level.value, finding.says) for finding in await list_findings(address, **changes)]


async def list_findings(address: str, **changes: object) -> list[Finding]:
    """Return what is found."""
    usual = {"secret_key": NEW, "posts_service_secret": OWN, "auth_service_url": address}
    settings = posts_settings(NOWHERE, **{**usual, **changes})
    return await examine_auth_service("posts_service", settings)


async def examine_gateway(address: str, **changes: object) -> list[tuple[str, str]]:
    """Return the levels and sentences of what a gateway finds."""
    secrets = {name.lower(): SAMPLE_SECRETS[name] for name in ("NEXTAUTH_SECRET", "SERVICE_SECRET")}
    usual = {"environment": "development", "auth_service_url": address, "secret_key": NEW, **secrets, **SITE}
    findings = await examine_auth_service(GATEWAY, GatewaySettings.model_validate({**usual, **changes}))
    return [(finding.level.value, finding.says) for finding in findings]


async def test_settings_that_agree(address: str) -> None:
    """The service learns as whom it is taken, and that its settings are the same."""
    assert await examine(address) == [
        ("ok", "it takes our calls for those of posts_service"),
        ("ok", "it has the same ACCESS_TOKEN_TTL, NEXTAUTH_URL, SECRET_KEY, SIGN_UP"),
    ]


async def test_settings_that_differ(address: str) -> None:
    """Each setting that differs is named, and nothing of its value."""
    found = await examine(
        address, nextauth_url="http://127.0.0.1:9", secret_key="another-key-that-nobody-else-has-0003"
    )
    assert found == [
        ("ok", "it takes our calls for those of posts_service"),
        ("ok", "it has the same ACCESS_TOKEN_TTL, SIGN_UP"),
        ("problem", "NEXTAUTH_URL is not what the auth service has"),
        ("problem", "SECRET_KEY is not what the auth service has"),
    ]


async def test_a_secret_that_is_going_out_of_use(address: str) -> None:
    """A secret that the auth service has among the previous ones still works, and is a warning."""
    assert ("warning", "SECRET_KEY is one that the auth service has among SECRET_KEY_PREVIOUS") in await examine(
        address, secret_key=OLD
    )


@pytest.mark.parametrize(
    ("secrets", "name"),
    [
        ({"posts_service_secret": "a-secret-that-the-auth-service-lacks-04"}, "POSTS_SERVICE_SECRET"),
        ({"posts_service_secret": None, "service_secret": "a-secret-that-the-auth-service-lacks-05"}, "SERVICE_SECRET"),
    ],
)
async def test_a_wrong_secret_of_calls_is_named(address: str, secrets: dict[str, str | None], name: str) -> None:
    """Where the auth service refuses the call, the setting is named with which we signed it."""
    (only,) = await list_findings(address, **secrets)
    assert (only.level.value, only.says) == (
        "problem",
        f"it answers 401: {name} is not what the auth service has for us, or the clocks differ",
    )
    assert only.remedy == f"give both services the same {name}"


@pytest.mark.parametrize(
    ("theirs", "ours", "differs"),
    [
        (None, None, False),
        (DOMAIN, DOMAIN, False),
        (DOMAIN, None, True),
        (None, DOMAIN, True),
        (DOMAIN, f"app.{DOMAIN}", True),
    ],
)
async def test_a_setting_that_only_one_of_them_has(theirs: str | None, ours: str | None, *, differs: bool) -> None:
    """A setting without which both could do is a problem where only one of them has it, whichever that is."""
    settings = auth_settings(NOWHERE, **SITE, **SETTINGS, cookie_domain=theirs)
    async with running(create_app(settings, Metrics())) as app, listening(app) as (url, _):
        found = await examine_gateway(url, cookie_domain=ours)
    says = [says for level, says in found if level == "problem"]
    assert says == (["COOKIE_DOMAIN is not what the auth service has"] if differs else [])


@pytest.mark.parametrize(("ours", "problems"), [(None, 0), (DOMAIN, 1)])
async def test_an_earlier_release_that_knows_what_is_set_alone(ours: str | None, problems: int) -> None:
    """An earlier release of the auth service says of what is not set there that it knows no such setting: so it is."""

    async def compare(request: Request) -> Response:
        likeness = dict.fromkeys((await request.json())["hashes"], "same")
        return JSONResponse({"caller": GATEWAY, "likeness": likeness | {"COOKIE_DOMAIN": "unknown"}})

    async with listening(Starlette(routes=[Route(COMPARISON_PATH, compare, methods=["POST"])])) as (url, _):
        found = await examine_gateway(url, cookie_domain=ours)
    assert len([says for level, says in found if level == "problem"]) == problems


async def test_a_secret_beside_published_keys() -> None:
    """Where the auth service signs by a key pair alone, a ``SECRET_KEY`` is a problem unless its keys are followed."""
    pair = {"secret_key": None, **signing_settings(signer_of("ES256"))}
    async with running(create_app(auth_settings(NOWHERE, **pair), Metrics())) as app, listening(app) as (url, _):
        shared = {"posts_service_secret": None, "service_secret": SAMPLE_SECRETS["SERVICE_SECRET"]}
        alone = await examine(url, **shared, published_keys=False)
        beside = await examine(url, **shared, published_keys=True)
    assert [says for level, says in alone if level == "problem"] == ["SECRET_KEY is not what the auth service has"]
    assert [level for level, _ in beside] == ["ok", "ok"]


async def test_nobody_answers() -> None:
    """An auth service that is not there is a problem, with what to do."""
    (only,) = await list_findings("http://127.0.0.1:1")
    assert (only.level.value, only.remedy) == ("problem", "start it, or correct AUTH_SERVICE_URL")
    assert only.says.startswith("it does not answer: ")
