"""What ``doctor`` looks at in a service that verifies tokens and follows the auth service (``ResourceServer``)."""

from shared.doctor.database import examine_database
from shared.doctor.findings import Finding
from shared.doctor.process import examine_process
from shared.doctor.setting_comparison import examine_auth_service
from shared.postgres.database import Database
from shared.verifier_settings import ResourceServerSettings


async def examine_resource_server(service: str, settings: ResourceServerSettings, database: Database) -> list[Finding]:
    """Return what is to be said about the database, the auth service, and the running process."""
    return [
        *await examine_database(database, service),
        *await examine_auth_service(service, settings),
        *await examine_process(settings),
    ]
