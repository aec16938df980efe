"""Values of the auth service that are made from what others send: e-mail keys, clients, session ids, settings."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from auth_service.app import create_app
from auth_service.clients import identify_client
from auth_service.mail.addresses import check_email, email_key, is_same_mailbox, list_keys
from auth_service.sessions.sessions import read_session_id
from shared.observing.metrics import Metrics
from shared.tokens.device_cookie import DeviceCookies, LastSignIn, device_cookie_name
from tests.support.services import auth_settings

APP = create_app(auth_settings("postgresql://nowhere/auth"), Metrics())
SESSION = "018f4a4e-0000-4000-8000-0123456789ab"


def request_with(headers: list[tuple[bytes, bytes]], peer: tuple[str, int] | None = ("192.0.2.1", 5)) -> Request:
    """Return a request with these headers from this peer."""
    return Request({"type": "http", "path": "/", "headers": headers, "client": peer, "app": APP})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_key_of_a_key_is_itself(email: str) -> None:
    """An e-mail's key is steady, and the same for every case and every compatible spelling."""
    key = email_key(email)
    assert email_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert email_key(unicodedata.normalize(form, email)) == key


def test_the_key_of_every_character_is_steady() -> None:
    """There is no character whose key has another key."""
    characters = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    changed = {key for c in characters if (key := email_key(c)) != c}
    assert [key for key in changed if email_key(key) != key] == []


@pytest.mark.parametrize(
    "spelling",
    [
        "ada@\u00fc.example",
        "Ada@\u00dc.EXAMPLE",
        "ada@u\u0308.example",
        "ada@xn--tda.example",
        "ADA@XN--TDA.example",
        " ada@xn--tda.example\n",
    ],
)
def test_a_domain_has_one_key_in_letters_and_in_punycode(spelling: str) -> None:
    """However a domain is written, in any case and with blanks around the address, it is the same one."""
    assert email_key(spelling) == "ada@\u00fc.example"
    assert "ada@xn--tda.example" in list_keys(spelling)
    assert list_keys("ada@example.com") == ["ada@example.com"]
    assert email_key("ada@xn--a.example") == "ada@xn--a.example"  # which is no punycode


@pytest.mark.parametrize(
    ("email", "other", "is_same"),
    [
        ("info@strasse.de", "Info@STRASSE.de", True),
        ("info@stra\u00dfe.de", "info@xn--strae-oqa.de", True),
        ("info@STRA\u00dfE.de", "INFO@XN--STRAE-OQA.DE", True),
        ("ada@\u00fc.example", "ada@U\u0308.example", True),
        ("info@strasse.de", "info@stra\u00dfe.de", False),
        ("info@strasse.de", "info@xn--strae-oqa.de", False),
        ("info@\u03c3.example", "info@\u03c2.example", False),
        ("info@strasse.de", "\uff49nfo@strasse.de", False),
        ("wei\u00df@example.com", "weiss@example.com", False),
        ("\u00c4da@example.com", "\u00e4da@example.com", False),
        ("k@example.com", "\u212a@example.com", False),
    ],
)
def test_one_mailbox(email: str, other: str, is_same: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Two addresses are one mailbox only if mail goes to the same: look-alikes of one key may be two people's."""
    assert is_same_mailbox(email, other) == is_same_mailbox(other, email) == is_same
    assert email_key(email) == email_key(other)


@pytest.mark.parametrize(
    ("email", "is_taken"),
    [
        ("ada@nas.local", True),
        ("ada@app.test", True),
        ("ada@box.home.arpa", True),
        ("ada@home.arpa", True),
        ("ada@app.localhost", True),
        ("ada@corp.internal", True),
        ("ada@localhost", False),
        ("ada@local", False),
        ("ada@1.168.192.in-addr.arpa", False),
        ("ada@xhome.arpa", False),
        ("ada@hidden.onion", False),
        ("ada@nowhere.invalid", False),
        ("a..b@nas.local", False),
        ("ada@-nas.local", False),
    ],
)
def test_private_domains_have_addresses(email: str, *, is_taken: bool) -> None:
    """Domains of a network of one's own are taken; what can't be an address anywhere is not."""
    if is_taken:
        assert check_email(f"\ufeff {email} \u200b") == email
    else:
        with pytest.raises(ValueError, match="must be a valid e-mail address"):
            check_email(email)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], "192.0.2.1"),
        ([b"203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.7", b"2001:DB8:0::1"], "2001:db8::1"),
        ([b"unknown"], None),
        ([b""], None),
        ([b"203.0.113.9:80"], None),
        ([b"fe80::1%eth0"], None),
        ([b"'; DROP TABLE users --"], None),
    ],
)
def test_the_address_is_what_the_gateway_added_last(forwarded: list[bytes], address: str | None) -> None:
    """The last forwarded address counts, else the peer's; what is no IP address is not kept."""
    request = request_with([(b"x-forwarded-for", value) for value in forwarded])
    assert identify_client(request).address == address


def test_a_peer_without_an_address_is_kept_as_none() -> None:
    """A request over a UNIX socket has no address."""
    assert identify_client(request_with([], peer=None)).address is None


def test_a_browser_is_known_by_its_device_cookie() -> None:
    """A device cookie of ours names the user and the session that its browser signed in to; any other names nobody.

    Nor does one of the name that it has where the public URL is not of the same scheme: a neighbour could set that.
    """
    ours, foreign = APP.state.parts.devices, DeviceCookies("x" * 32)
    for devices, secure, known in ((ours, False, LastSignIn(7, SESSION)), (foreign, False, None), (ours, True, None)):
        value = devices.make(LastSignIn(7, SESSION), int(time.time()))
        cookie = f"other=1; {device_cookie_name(secure=secure)}={value}"
        client = identify_client(request_with([(b"cookie", cookie.encode())]))
        assert client.device == known


def test_the_user_agent_is_kept_short_and_printable() -> None:
    """At most 300 printable characters of the user agent are kept."""
    agent = b"Browser\t\x00\x1b[31m" + b"x" * 1000
    kept = identify_client(request_with([(b"user-agent", agent)])).user_agent
    assert kept.startswith("Browser[31mxxx")
    assert len(kept) <= 300
    assert kept.isprintable()


@pytest.mark.parametrize("text", [None, 1, "", "x", "1" * 31, ["a"]])
def test_what_is_no_session_id_is_none(text: object) -> None:
    """Only the text of a UUID is a session id."""
    assert read_session_id(text) is None


@pytest.mark.parametrize("change", [{"session_max_age": 0}, {"session_idle_age": -1}, {"nextauth_secret": ""}])
def test_settings_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    """An age of no time and an empty secret are no settings."""
    with pytest.raises(ValidationError):
        auth_settings("postgresql:///auth", **change)
