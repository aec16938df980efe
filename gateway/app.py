"""The gateway, composed on one screen: the policy, credentials, its own pages, forward auth, and what joins them.

create_app(settings, metrics) -> what uvicorn runs: a lifespan, and ``accept`` for each client's connection. The policy
is read here, so the gateway does not start with a bad one, nor with one that breaks a promise; connections to upstreams
are made when the first request needs them. SIGHUP reloads the policy. While it runs, the gateway follows the sessions
that are ended, and the published keys where these verify tokens. Requests still running when the time to drain is over
are answered with an error, and logged, before the process ends.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import cast

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.callers.credentials import Credentials
from gateway.callers.notices import Notices
from gateway.callers.renewal import SessionRenewal
from gateway.callers.unknown_keys import UnknownKeys
from gateway.forward_auth.answer import ForwardAuth
from gateway.gate import Gate
from gateway.messages.request_heads import RequestHeads
from gateway.messages.upstream_head import UpstreamHeads
from gateway.metrics import UpstreamMetrics
from gateway.pages.adapter import OwnPages
from gateway.pages.own_pages import create_own_pages
from gateway.policy.file import load_policy
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.reach import STYLE, lacks_style, list_without_token, tell_lacking
from gateway.policy.rules import Policy, PolicyInvalid
from gateway.settings import GatewaySettings
from gateway.wire.client_connection import ClientConnection
from gateway.wire.exchange import ExchangeParts
from gateway.wire.limits import ClientLimits, Limits
from gateway.wire.own_answers import OwnAnswers
from shared.auth_events.contract import GATEWAY
from shared.auth_events.following import Following
from shared.observing.metrics import Metrics
from shared.observing.request_context import Reports
from shared.settings import SettingsInvalid

LIMITS = Limits()

log = structlog.get_logger("policy")


@dataclass(frozen=True, slots=True)
class GatewayApp:
    """The gateway: an ASGI application for its lifespan alone; requests don't go through ASGI."""

    lifespan: ASGIApp
    parts: ExchangeParts
    client_limits: ClientLimits
    servers: set[ServerState]  # with the connections of their clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start and end."""
        assert scope["type"] == "lifespan"
        await self.lifespan(scope, receive, send)


def accept(
    config: uvicorn.Config,
    server_state: ServerState,
    app_state: MutableMapping[str, object],
    _loop: asyncio.AbstractEventLoop | None = None,
) -> ClientConnection:
    """Return the protocol of one client's connection; uvicorn calls this for each."""
    app = config.loaded_app
    assert isinstance(app, GatewayApp)
    app.parts.own_pages.state = app_state
    app.servers.add(server_state)
    return ClientConnection(app.parts, server_state, app.client_limits)  # type: ignore[arg-type] # its own sets


def create_app(
    settings: GatewaySettings, metrics: Metrics, limits: Limits = LIMITS, client_limits: ClientLimits | None = None
) -> GatewayApp:
    """Return the gateway; raises SettingsInvalid when its policy can't be used."""
    current, following = _read_policy(settings, limits), Following.build(GATEWAY, settings, metrics)
    credentials = Credentials.of(settings, following.revocations, following.keys)
    public, names, key_follower = settings.public, credentials.cookie_names, following.key_follower
    renewal = SessionRenewal(following.auth_service, credentials, key_follower)
    servers = set[ServerState]()
    checks = {"keys": following.keys.find_lack}  # with no policy there is no process; upstreams are not a part of it

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with _in_force(current):
            following.start()
            await following.wait_a_moment()
            yield
            for server in servers:
                for connection in list(server.connections):
                    cast("ClientConnection", connection).give_up()
            await renewal.close()
            await following.stop()

    pages = create_own_pages(current, settings, lifespan, checks, following.remarks)
    heads, gate = RequestHeads(public.hosts), Gate(current, credentials)
    upstream_heads = UpstreamHeads(public, credentials, current)
    own_answers = OwnAnswers(pages, public.url, names)
    unknown_keys = UnknownKeys(gate, key_follower) if key_follower else None
    forward_auth = ForwardAuth(public, heads, gate, renewal, unknown_keys, own_answers, names)
    metrics.registry.register(UpstreamMetrics(current))
    metrics.readiness.add(checks, following.remarks)
    parts = ExchangeParts(
        heads,
        gate,
        upstream_heads,
        current,
        renewal,
        unknown_keys,
        OwnPages(pages),
        own_answers,
        forward_auth,
        Reports(metrics),
        Notices(public, metrics.register_untrusted_forwarders().inc),
        settings.log_client_address,
        settings.log_level == "DEBUG",
    )
    return GatewayApp(pages, parts, client_limits or ClientLimits(settings.client_idle_seconds), servers)


@contextlib.asynccontextmanager
async def _in_force(current: CurrentPolicy) -> AsyncIterator[None]:
    """Read the policy again on SIGHUP, and close its connections at the end."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, current.reload)
    yield
    loop.remove_signal_handler(signal.SIGHUP)
    current.close()


def _read_policy(settings: GatewaySettings, limits: Limits) -> CurrentPolicy:
    try:
        return CurrentPolicy(lambda: load_kept_policy(settings), limits)
    except PolicyInvalid as error:
        setting = "GATEWAY_PROMISES" if str(error).startswith(f"{settings.gateway_promises},") else "GATEWAY_RULES"
        raise SettingsInvalid(f"{setting}: {error}") from None


def load_kept_policy(settings: GatewaySettings) -> Policy:
    """Return the policy of the settings, which keeps the promises that they name; else raises PolicyInvalid."""
    policy = load_policy(settings.gateway_rules, settings.rule_variables(), settings.host_names)
    if settings.gateway_promises is not None:
        from gateway.proving.promises import check_promises  # noqa: PLC0415 - without promises there is nothing to prove

        check_promises(policy, settings.gateway_promises)
    if lacks_style(policy):
        log.warning("assets_not_reached", path=STYLE)
    for upstream in list_without_token(policy):
        log.warning("token_not_sent", upstream=upstream, missing='authorization = "token"')
    branding = settings.load_branding()
    links = [link.to for link in branding.links or ()]
    return tell_lacking(policy, [*links, branding.first_page] if branding.first_page else links)
