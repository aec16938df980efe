"""The providers as the rest of the service sees them: what endpoints find in ``parts.providers``; None without any."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import structlog

from auth_service.providers.checks import CheckCookies
from auth_service.providers.exchange import ProviderClient
from auth_service.providers.file import list_origins
from auth_service.providers.signatures import load_joserfc
from auth_service.settings import AuthSettings
from shared.settings import reveal
from shared.tokens.session_cookie import CookieNames

CALLBACK_PATH = "/api/auth/callback/"  # as next-auth has it

log = structlog.get_logger("providers")


@dataclass(frozen=True, slots=True)
class Providers:
    """Who signs people in besides us, by their ids, and the cookies that bind their answers to a browser."""

    clients: Mapping[str, ProviderClient]
    cookies: CheckCookies

    @classmethod
    def build(cls, settings: AuthSettings, names: CookieNames) -> Self | None:
        """Return the providers that the settings name; None where they name none."""
        providers = settings.providers
        if not providers:
            return None
        log.info("providers_on", providers=[provider.id for provider in providers])
        callback = settings.nextauth_url + CALLBACK_PATH
        clients = {each.id: ProviderClient(each, callback + each.id) for each in providers}
        secrets = settings.nextauth_secret.get_secret_value(), reveal(settings.nextauth_secret_previous)
        return cls(clients, CheckCookies(names, *secrets))

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a form of ours may lead a browser: the origins of all providers."""
        return list_origins(url for client in self.clients.values() for url in client.provider.origins)

    def start(self) -> None:
        """Load now what would be loaded while somebody waits."""
        load_joserfc()

    async def stop(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(client.stop() for client in self.clients.values()))
