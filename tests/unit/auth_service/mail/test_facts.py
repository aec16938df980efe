"""What letters show of what somebody else may have chosen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.browser.user_agents import describe_device
from auth_service.mail.facts import LONGEST_NAME, read_facts, show_address, show_device, show_name

SITE = "https://gatepost.example"


@pytest.mark.parametrize(
    "name", ["Ada", "Ada Lovelace", "Jean-Luc", "O'Brien", "O\u2019Brien", "김영희", "Zoë", "Zoe\u0308", "नीना", "עדה"]
)
def test_names_are_shown(name: str) -> None:
    """The names that people have are shown as they are, in any script, but for how an accent is written."""
    assert show_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    [
        *("evil.example", "www.evil.example/win", "https://evil.example", "win@evil.example", "evil\u3002example"),
        *("call 010-1234-5678", "evil\uff0eexample", "a\u02d0b", "#win", "Ada\u202e", "A\u200bda", "Ada\x00", "+82 10"),
        *("", " ", "-", "\u0308", "a" * (LONGEST_NAME + 1), "<b>Ada</b>", "%(host)s", "{{ site }}", "\ud800"),
    ],
)
def test_what_could_be_a_link_is_left_out(name: str) -> None:
    """A name that a mail program could make a link of, or that is long or not what it looks like, is left out."""
    assert show_name(name) == ""


@given(st.text())
def test_nothing_in_a_name_leads_anywhere(name: str) -> None:
    """Whatever a name is, what is shown is one short line of letters, without digits and almost all punctuation."""
    shown = show_name(name)
    assert len(shown) <= LONGEST_NAME
    assert not set(shown) & set('./\\@:?#&=+_<>"%{}[]()\r\n\t0123456789')
    assert shown.isprintable()


def test_a_line_break_in_a_name_is_a_blank() -> None:
    """A name stays in its line."""
    assert show_name("Ada\r\nBcc: x") == ""
    assert show_name(" Ada\r\n Lovelace ") == "Ada Lovelace"


@pytest.mark.parametrize(
    ("user_agent", "english", "korean"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:131.0) Firefox/131.0", "Firefox on Windows", "Windows의 Firefox"),
        ("Mozilla/5.0 (Linux; Android 14) SamsungBrowser/26.0", "Samsung Internet on Android", None),
        ("curl/8.5.0", "Curl", "Curl"),
        ("evil.example/win", "Unknown device", "알 수 없는 기기"),
        ("", "Unknown device", "알 수 없는 기기"),
    ],
)
def test_a_device_is_said_in_the_readers_language(user_agent: str, english: str, korean: str | None) -> None:
    """A device is in the letter's language; one that calls itself what could be a link is unknown."""
    device = str(describe_device(user_agent))
    assert show_device(device, "en") == english
    assert korean is None or show_device(device, "ko") == korean


def test_only_addresses_are_addresses() -> None:
    """An IP address is shown in its usual spelling, and nothing else in its place."""
    assert show_address("192.0.2.17") == "192.0.2.17"
    assert show_address("2001:DB8::0:1") == "2001:db8::1"
    assert show_address("fe80::1%evil.example") == "fe80::1"
    assert show_address("evil.example") is None
    assert show_address("") is None


def test_a_code_is_shown_in_groups() -> None:
    """A code is shown as people read it; what can't be one is never sent."""
    assert read_facts({"code": "7K3F9QXM"}, SITE, "en")["code"] == "7K3F-9QXM"
    with pytest.raises(ValueError, match="code"):
        read_facts({"code": "evil.example"}, SITE, "en")


@pytest.mark.parametrize(
    "url",
    [
        *("https://evil.example/", "https://gatepost.example.evil.example/", "https://gatepost.example", "", "/signin"),
        *(f"{SITE}/a b", f"{SITE}/a\nb", f'{SITE}/"', f"{SITE}/é", "https://gatepost.example@evil.example/"),
    ],
)
def test_a_link_leads_to_the_site(url: str) -> None:
    """A letter with a link that leads elsewhere is never sent."""
    assert read_facts({"url": f"{SITE}/api?x=%40&y=1"}, SITE, "en")["url"] == f"{SITE}/api?x=%40&y=1"
    with pytest.raises(ValueError, match="link"):
        read_facts({"url": url}, SITE, "en")
