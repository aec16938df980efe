"""The gateway's settings: which hosts are served, and which proxies are trusted."""

import ipaddress

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings

SECRETS = {"secret_key": "k" * 40, "nextauth_secret": "n" * 40, "service_secret": "s" * 40}


def hosts_of(url: str, environment: str) -> set[str]:
    """Return the hosts that are served under a public URL."""
    settings = GatewaySettings.model_validate({**SECRETS, "nextauth_url": url, "environment": environment})
    return {host.decode() for host in settings.hosts}


@pytest.mark.parametrize(
    ("url", "environment", "hosts"),
    [
        ("https://example.com", "production", {"example.com", "example.com:443"}),
        ("https://example.com:8443", "production", {"example.com:8443"}),
        ("http://localhost:3000", "production", {"localhost:3000"}),
        ("http://localhost:3000", "development", {"localhost:3000", "127.0.0.1:3000", "[::1]:3000"}),
        ("http://[::1]:3000", "development", {"localhost:3000", "127.0.0.1:3000", "[::1]:3000"}),
        ("http://example.com:3000", "development", {"example.com:3000"}),
    ],
)
def test_the_hosts_that_are_served(url: str, environment: str, hosts: set[str]) -> None:
    """The public host is served, and only in development this machine's other names; a default port may be left out."""
    assert hosts_of(url, environment) == hosts


def test_further_hosts_are_served_as_they_are_written() -> None:
    """A comma-separated list of hosts is served beside the public one; what is no host stops the start."""
    usual = {**SECRETS, "environment": "production", "nextauth_url": "https://example.com"}
    found = GatewaySettings.model_validate({**usual, "gateway_hosts": "gateway.internal:3000, [::1]:3000"})
    assert found.hosts == {b"example.com", b"example.com:443", b"gateway.internal:3000", b"[::1]:3000"}
    for wrong in ("http://gateway.internal", "gateway.internal/", "a b", "*", "Gateway.internal"):
        with pytest.raises(ValidationError, match="must be hosts in lower case, such as app"):
            GatewaySettings.model_validate({**usual, "gateway_hosts": wrong})


def test_trusted_proxies_are_addresses_or_networks() -> None:
    """A comma-separated list of addresses and networks is read; anything else stops the start."""
    found = GatewaySettings.model_validate(
        {**SECRETS, "environment": "development", "trusted_proxies": "10.0.0.0/8, ::1"}
    )
    assert found.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate({**SECRETS, "environment": "development", "trusted_proxies": "proxy.example"})


def test_a_policys_own_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins with POLICY_ is for the policy file; nothing else of the environment is, but addresses."""
    for name in ("POLICY_TENANT", "POLICY_2", "policy_x", "XPOLICY_Y"):
        monkeypatch.setenv(name, "a")
    monkeypatch.setenv("POLICY_EMPTY", "")
    found = GatewaySettings.model_validate({**SECRETS, "environment": "development"}).rule_variables()
    assert {name for name in found if "POLICY" in name.upper()} == {"POLICY_TENANT", "POLICY_2"}
