"""The settings of the auth service: what every service reads, and what only the issuer needs."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from auth_service.mail.smtp_url import SmtpServer, read_sender, read_smtp_url
from auth_service.passwords.breached import BreachedPasswords
from auth_service.providers.file import Provider, load_providers
from shared.nextauth_settings import NextAuthSettings
from shared.postgres.pool_settings import PoolSettings
from shared.settings import DatabaseUrl, PreviousSecrets, Secret, UpstreamSettings, split
from shared.tokens.key_pairs import read_key_file
from shared.tokens.secret_files import naming
from shared.tokens.service_settings import CallerSecret, ServiceSecretSettings
from shared.tokens.signed import ACCESS_AUDIENCE
from shared.users_copy.retention import LONGEST_BACKUP, DeletionRetention
from shared.web.page_settings import PageSettings

DAY = 86_400  # seconds

Quantity = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""How often something may happen; the bound is that of PostgreSQL's integer."""

LONGEST_AUDIENCES = 500  # characters of all together: they stand in every token, which has an end

Verification: TypeAlias = Literal["off", "optional", "required"]
"""Whether people prove their e-mail addresses; ``required``: before they can sign in."""


class AuthSettings(NextAuthSettings, PageSettings, ServiceSecretSettings, UpstreamSettings, PoolSettings):
    """``token_key_file`` names the key pair that signs access tokens, in the place of ``secret_key``.

    Beside that it may hold public keys alone, which are announced.

    ``audiences`` are those for whom tokens are issued besides us. Ages are in seconds: a session ends
    ``session_max_age`` after its sign-in, or unused for ``session_idle_age``. The guessing limits are explained in
    ``guessing.rules``. Sessions are kept for ``session_retention_days`` after their absolute end, however early they
    ended. With ``audit_retention_days`` 0, audit lines are kept for ever; for deletions see
    ``shared.users_copy.retention``. Without ``smtp_url`` there is no mail, and nothing that needs it. The limits of
    letters: one to an address within ``letter_pause`` seconds, and so many an hour and a day; so many an hour asked for
    by one client. ``providers_file`` names who signs people in besides us.
    ``operator`` is whom the audit names for what is done at the command line.
    """

    token_key_file: Annotated[Path | None, Field(validate_default=True)] = None
    audiences: Annotated[tuple[Annotated[str, Field(pattern=r"^[!-~]+$")], ...], NoDecode, BeforeValidator(split)] = ()
    gateway_service_secret: CallerSecret = None
    gateway_service_secret_previous: PreviousSecrets = ()
    posts_service_secret: CallerSecret = None
    posts_service_secret_previous: PreviousSecrets = ()
    auth_database_url: DatabaseUrl
    session_max_age: Annotated[int, Field(ge=60, le=400 * DAY)] = 30 * DAY
    session_idle_age: Annotated[int, Field(ge=60, le=400 * DAY)] = 14 * DAY
    sign_in_failures_per_account: Quantity = 5
    sign_in_failures_per_address: Quantity = 100
    sign_in_failure_window: Annotated[int, Field(ge=1, le=DAY)] = 900
    sign_in_longest_wait: Annotated[int, Field(ge=1, le=3600)] = 60
    sign_in_failures_in_a_row: Quantity = 100
    sign_ups_per_hour: Quantity = 60
    client_logs_per_minute: Quantity = 60
    token_refreshes_per_hour: Quantity = 120
    renames_per_hour: Quantity = 60
    session_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    audit_retention_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    deletion_retention_days: DeletionRetention = LONGEST_BACKUP
    breached_passwords_file: Path | None = None
    smtp_url: Secret | None = None
    mail_from: str = ""
    email_verification: Verification = "optional"
    email_sign_in: bool = False
    letter_pause: Annotated[int, Field(ge=1, le=3600)] = 60
    letters_per_hour: Quantity = 3
    letters_per_day: Quantity = 10
    letters_per_client: Quantity = 20
    providers_file: Path | None = None
    operator: Annotated[str, Field(max_length=100)] = ""
    _providers: tuple[Provider, ...] = ()

    @field_validator("token_key_file")
    @classmethod
    def _check_token_key(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        """Refuse to start a service that could sign no token."""
        has_secret = info.data.get("secret_key", "refused already") is not None
        if path is not None:
            with naming(path):
                read_key_file(path, needs_signer=not has_secret)
        elif not has_secret:
            raise ValueError("is missing, and so is SECRET_KEY; one of them signs access tokens")
        return path

    @field_validator("audiences")
    @classmethod
    def _check_audiences(cls, audiences: tuple[str, ...]) -> tuple[str, ...]:
        if len({ACCESS_AUDIENCE, *audiences}) != len(audiences) + 1:
            raise ValueError(f"must all be different, and {ACCESS_AUDIENCE} is there anyway")
        if sum(map(len, audiences)) > LONGEST_AUDIENCES:
            raise ValueError(f"must be {LONGEST_AUDIENCES} characters together at most")
        return audiences

    @field_validator("breached_passwords_file")
    @classmethod
    def _check_breached(cls, path: Path | None) -> Path | None:
        """Refuse to start a service that could not look up passwords."""
        if path is not None:
            with naming(path):
                BreachedPasswords.open(path).close()
        return path

    @model_validator(mode="after")
    def _check_mail(self) -> Self:
        """Refuse to start when mail is wanted that can't be sent."""
        if self.smtp_url is None:
            if self.email_sign_in:
                raise ValueError("EMAIL_SIGN_IN needs SMTP_URL")
            if self.email_verification == "required":
                raise ValueError("EMAIL_VERIFICATION=required needs SMTP_URL")
            return self
        self.read_smtp_server()
        read_sender(self.mail_from)
        return self

    @model_validator(mode="after")
    def _read_providers(self) -> Self:
        """Refuse to start with providers that can't be used. They are read here alone: the file may change later."""
        if self.providers_file is None:
            return self
        is_development = self.environment == "development"
        try:
            with naming(self.providers_file):
                self._providers = load_providers(self.providers_file, is_development=is_development)
        except ValueError as refused:
            raise ValueError(f"PROVIDERS_FILE {refused}") from None
        return self

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers of the file, as it was at the start; none where there is no file."""
        return self._providers

    @property
    def needs_proof(self) -> bool:
        """Whether people prove their addresses before they can sign in."""
        return self.email_verification == "required"

    def read_smtp_server(self) -> SmtpServer | None:
        """Return the server that takes our letters, or None without mail."""
        if self.smtp_url is None:
            return None
        return read_smtp_url(self.smtp_url.get_secret_value(), is_development=self.environment == "development")


class AuthMigrationSettings(PoolSettings):
    """What ``python -m auth_service migrate`` needs: no key of any kind."""

    auth_database_url: DatabaseUrl
