"""The gateway, built on one screen: the policy, who calls, its own pages, the gate that joins them, and forward auth.

create_app(settings, metrics) -> an ASGI application. The policy is read here, so a bad one ends the start; connections
to upstreams are made when the first request needs them. SIGHUP reads the policy again. While it runs, the gateway
follows the sessions that are ended.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.callers.credentials import Credentials
from gateway.callers.renewal import SessionRenewal
from gateway.forward_auth.answer import ForwardAuth
from gateway.gate import Gate
from gateway.metrics import UpstreamMetrics
from gateway.pages.own_pages import create_own_pages
from gateway.pages.reference import Reference
from gateway.patience import follow_load
from gateway.policy.file import load_policy
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import Policy, PolicyInvalid
from gateway.settings import GatewaySettings
from gateway.wire.fast_path import FastPath
from gateway.wire.limits import Limits
from gateway.wire.upstream_head import PublicSide
from shared.faults import FaultMiddleware
from shared.metrics import Metrics
from shared.request_context import Reports, RequestContextMiddleware
from shared.revocation_feed import create_revocation_feed
from shared.revocations import Revocations
from shared.service_calls import ServiceClient
from shared.settings import SettingsInvalid, reveal
from shared.tokens import KeyRing, ServiceTokens

LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class GatewayApp:
    """The gateway as an ASGI application, and the fast path beside it that its server's protocol may take."""

    general: ASGIApp
    fast_path: FastPath

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.general(scope, receive, send)


def create_app(settings: GatewaySettings, metrics: Metrics, limits: Limits = LIMITS) -> GatewayApp:
    """Return the gateway; SettingsInvalid when its policy can't be used."""

    def load() -> Policy:
        return load_policy(settings.gateway_rules, settings.rule_variables())

    try:
        current = CurrentPolicy(load, limits)
    except PolicyInvalid as fault:
        raise SettingsInvalid(str(fault)) from None

    auth_service = create_auth_client(settings)
    revocations = Revocations()
    feed = create_revocation_feed(auth_service, revocations, metrics)
    credentials = Credentials.of(settings, revocations)
    renewal = SessionRenewal(auth_service, credentials)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, current.reload)
        feed.start()
        await feed.wait_a_moment()  # who was signed out before is to be refused from the first request on
        following = asyncio.create_task(follow_load(current.count_running))
        yield
        following.cancel()
        await feed.stop()
        await renewal.close()
        await auth_service.close()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        current.close()

    reference, remarks = Reference(current, settings.nextauth_url), {feed.name: feed.find_remark}
    own_pages = create_own_pages(reference, settings.nextauth_url, lifespan, remarks, settings.security_contact)
    public = PublicSide(settings.nextauth_url, settings.hosts, settings.trusted_proxies)
    gate = Gate(public, credentials, renewal, current, own_pages)
    metrics.registry.register(UpstreamMetrics(current))
    asked = ForwardAuth(gate, public, credentials)
    return GatewayApp(
        RequestContextMiddleware(FaultMiddleware(asked), metrics), FastPath(gate, Reports(metrics), metrics.registry)
    )


def create_auth_client(settings: GatewaySettings) -> ServiceClient:
    """Return what asks the auth service in the gateway's name."""
    keys = KeyRing(settings.service_secret.get_secret_value(), reveal(settings.service_secret_previous))
    tokens = ServiceTokens(keys)
    return ServiceClient(settings.auth_service_url, caller="gateway", callee="auth_service", tokens=tokens)
