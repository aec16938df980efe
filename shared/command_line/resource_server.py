"""The commands of a service that holds users' resources (``ResourceServer``): all of them have these."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.command_line.arguments import Commands
from shared.doctor.command import build_doctor
from shared.doctor.findings import Finding
from shared.doctor.resource_server import examine_resource_server
from shared.postgres.database import Database
from shared.postgres.migration import build_migrate
from shared.verifier_settings import ResourceServerSettings

AnyResourceServerSettings = TypeVar("AnyResourceServerSettings", bound=ResourceServerSettings)


def build_commands(
    service: str,
    settings_type: type[AnyResourceServerSettings],
    open_database: Callable[[AnyResourceServerSettings], Database],
) -> Sequence[Commands]:
    """Return ``migrate`` and ``doctor``."""

    async def examine(settings: AnyResourceServerSettings) -> Sequence[Finding]:
        return await examine_resource_server(service, settings, open_database(settings))

    return (build_migrate(service, settings_type, open_database), build_doctor(service, settings_type, examine))
