"""The sites: which hosts share one sign-in, by the settings."""

import pytest

from shared.web.sites import Sites, is_within, read_domain

HOSTS = ("app.example.com", "wiki.example.com:8443", "gateway:3000", "example.org", "app.example.com:443")
SITES = Sites.of("https://id.example.com", "example.com", HOSTS)


def test_without_a_domain_there_is_one_site() -> None:
    """However many hosts are served, the public site alone is one unless they share its cookies."""
    assert Sites.of("https://id.example.com", None, HOSTS).origins == ("https://id.example.com",)


def test_the_hosts_of_the_domain_are_sites() -> None:
    """A served host of the domain is a site by the public scheme; any other name is only served."""
    assert SITES.origins == ("https://id.example.com", "https://app.example.com", "https://wiki.example.com:8443")
    assert Sites.of("https://example.com", "example.com", ["example.com"]).others == ()
    assert Sites.of("http://id.gate.localhost:3000", "gate.localhost", ["gate.localhost:3000"]).others == (
        "http://gate.localhost:3000",
    )


@pytest.mark.parametrize(
    ("host", "other"),
    [
        ("app.example.com", "https://app.example.com"),
        ("App.Example.COM:443", "https://app.example.com"),
        ("wiki.example.com:8443", "https://wiki.example.com:8443"),
        *((host, None) for host in ("id.example.com", "id.example.com:443", "wiki.example.com", "gateway:3000")),
        *((host, None) for host in ("", "evil.app.example.com", "app.example.com.evil.org", "app.example.com:80")),
    ],
)
def test_a_host_is_looked_up(host: str, other: str | None) -> None:
    """What a request says of its host is compared with the settings, and never becomes part of an origin."""
    assert SITES.find_other(host) == other
    assert SITES.get_own(host) == (other or "https://id.example.com")


@pytest.mark.parametrize(
    ("name", "is_inside"),
    [
        *((name, True) for name in ("example.com", "a.example.com", "a.b.example.com")),
        *((name, False) for name in ("badexample.com", "example.com.org", "com", "xample.com", "example.com.", "")),
    ],
)
def test_a_domain_is_for_itself_and_what_is_below(name: str, is_inside: bool) -> None:  # noqa: FBT001 - a column
    """A name that merely ends with the same letters is another domain's."""
    assert is_within(name, "example.com") is is_inside


def test_domains_are_read() -> None:
    """A domain may be written with a dot before it, as it used to be, and in capitals."""
    assert read_domain(".Example.COM") == "example.com"
    assert read_domain("gate.localhost") == "gate.localhost"


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "com", "localhost", "..example.com", "example..com", "example.com.", "-a.example", "a_b.example"),
        *("127.0.0.1", "10.1", "[::1]", "https://example.com", "example.com/", "example.com:443", "*.example.com"),
        *("ex ample.com", "example.com; Path=/x", "example.com\r\nX: y", "한국.example"),
    ],
)
def test_what_browsers_keep_no_cookie_for_is_refused(text: str) -> None:
    """A single label, an address and what is no name at all are no domain."""
    with pytest.raises(ValueError, match="two labels"):
        read_domain(text)
