"""``python -m auth_service doctor``: the settings, the database, and the running process. It calls no other service."""

from auth_service.operators.command_line import OperatorSettings
from auth_service.parts import open_database
from shared.auth_events.contract import AUTH_SERVICE
from shared.doctor.database import examine_database
from shared.doctor.findings import Finding, ok, warning
from shared.doctor.process import examine_process


async def examine(settings: OperatorSettings) -> list[Finding]:
    """Return all that is to be said about an auth service."""
    return [
        *await examine_database(open_database(settings), AUTH_SERVICE),
        _judge_mail(settings),
        *await examine_process(settings),
    ]


def _judge_mail(settings: OperatorSettings) -> Finding:
    if settings.smtp_url is None:
        says = "there is no SMTP_URL: nobody can set a new password without an operator"
        return warning("mail", says, "set SMTP_URL and MAIL_FROM (docs/mail.md)")
    server = settings.read_smtp_server()
    return ok("mail", f"letters go to {server.host if server is not None else ''}; mail test ADDRESS sends one")
