"""The settings of the services that open NextAuth's session cookie: which version of it, for whom, by which secrets.

An application with next-auth 5 names its secrets otherwise. With ``NEXTAUTH_PROTOCOL=5`` these names are read too, so
that both can share one environment: ``AUTH_SECRET`` is another name of ``NEXTAUTH_SECRET``, and what ``AUTH_SECRET_1``
to ``AUTH_SECRET_3`` hold counts like what ``NEXTAUTH_SECRET_PREVIOUS`` lists. With version 4 they mean nothing.
"""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, SecretStr, model_validator
from pydantic_settings import NoDecode

from shared.settings import SAMPLE_SECRETS, PreviousSecrets, Secret, Settings, split
from shared.tokens.protocol import PROTOCOLS, Protocol, Version
from shared.web.sites import Sites, is_within, name_of, read_domain, read_host

Hosts = Annotated[tuple[Annotated[str, AfterValidator(read_host)], ...], NoDecode, BeforeValidator(split)]


class NextAuthSettings(Settings):
    """``nextauth_secret`` seals the cookie; those of ``nextauth_secret_previous`` open it, too.

    ``gateway_hosts`` are served besides the public URL's host, and ``cookie_domain`` says which of these share the
    session: see ``sites``.
    """

    gateway_hosts: Hosts = ()
    cookie_domain: Annotated[str, AfterValidator(read_domain)] | None = None
    nextauth_protocol: Version = "4"
    nextauth_secret: Secret
    nextauth_secret_previous: PreviousSecrets = ()
    auth_secret: Secret | None = None
    auth_secret_1: Secret | None = None
    auth_secret_2: Secret | None = None
    auth_secret_3: Secret | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_other_names(cls, read: dict[str, Any]) -> dict[str, Any]:
        """Return what is set, by our own names alone."""
        given = {name: value for name, value in read.items() if not name.startswith("auth_secret")}
        others = {name: value for name, value in read.items() if name.startswith("auth_secret")}
        if given.get("nextauth_protocol") != "5":
            if others and "nextauth_secret" not in given:
                raise ValueError("NEXTAUTH_SECRET is missing; AUTH_SECRET counts with NEXTAUTH_PROTOCOL=5 alone")
            return given
        secret, ours = others.pop("auth_secret", None), given.get("nextauth_secret")
        if secret is None or _reveal(ours) in {None, SAMPLE_SECRETS["NEXTAUTH_SECRET"]}:
            ours = secret or ours  # compose sets the sample where nothing else is set
        elif _reveal(ours) != _reveal(secret):
            raise ValueError("AUTH_SECRET and NEXTAUTH_SECRET are both set and differ; keep one")
        listed: Any = split(given.get("nextauth_secret_previous", ()))
        wanted = {"nextauth_secret": ours, "nextauth_secret_previous": [*listed, *others.values()]}
        return {**given, **{name: value for name, value in wanted.items() if value}}

    @model_validator(mode="after")
    def _check_domain(self) -> Self:
        """Refuse a domain whose cookies no browser would send to the public URL."""
        host = name_of(self.nextauth_url.partition("://")[2])
        if self.cookie_domain is not None and not is_within(host, self.cookie_domain):
            raise ValueError(f"COOKIE_DOMAIN must be NEXTAUTH_URL's host or a domain above it, and {host} is neither")
        return self

    @property
    def sites(self) -> Sites:
        """The origins at which browsers meet us."""
        return Sites.of(self.nextauth_url, self.cookie_domain, self.gateway_hosts)

    @property
    def protocol(self) -> Protocol:
        """The version of NextAuth's protocol that is spoken."""
        return PROTOCOLS[self.nextauth_protocol]


def _reveal(secret: object) -> object:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
