"""A device in a few words, by its ``User-Agent``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.browser.user_agents import UNKNOWN, describe_device

CHROME = "(KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 {CHROME}", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 {CHROME} Edg/129.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 {CHROME}", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-S911N) AppleWebKit/537.36 {CHROME}", "Chrome on Android"),
        (f"Mozilla/5.0 (Linux; Android 14) SamsungBrowser/26.0 {CHROME}", "Samsung Internet on Android"),
        (f"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 {CHROME} Whale/3.27", "Whale on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.6 Safari/605.1.15", "Safari on macOS"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {WEBKIT} Version/17.6 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {WEBKIT} CriOS/129.0 Safari/604.1",
            "Chrome on iPhone",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) {WEBKIT} FxiOS/131.0 Safari/605.1.15", "Firefox on iPad"),
        ("curl/8.5.0", "curl"),
        ("python-httpx2/2.1", "python-httpx2"),
        ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ("", UNKNOWN),
        ("Mozilla/5.0", UNKNOWN),
        ("<b>", UNKNOWN),
    ],
)
def test_a_device_is_known_again(user_agent: str, words: str) -> None:
    """A browser is named with its system; another program by its name; an empty header as unknown."""
    assert describe_device(user_agent) == words


@given(st.text(max_size=300))
def test_whatever_is_sent_ends_in_a_few_words(user_agent: str) -> None:
    """No header, however odd, fails or gives a long text."""
    assert 1 <= len(describe_device(user_agent)) <= 40
