"""Where a browser may be sent."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auth_service.browser.redirects import MAX_LENGTH, safe_redirect
from shared.web.sites import Sites

SITE = "http://localhost:3000"
SITES = Sites(SITE)
SHARED = Sites.of("https://id.example.com", "example.com", ["app.example.com", "wiki.example.com:8443", "gateway:3000"])
TRICKY = st.text(alphabet="/\\.:@?#%&=;[]\t\n\r \0abehlostp0123456789-_~\u00e9\uac00\uff0e\u3002", max_size=40)


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        ("/", "/"),
        ("/userposts", "/userposts"),
        ("/userposts/", "/userposts/"),
        ("/userposts/7?from=mail&x=//y", "/userposts/7?from=mail&x=//y"),
        ("/userposts#top", "/userposts#top"),
        ("/a@b:c", "/a@b:c"),
        ("/%ED%95%9C", "/%ED%95%9C"),
        ("/한", "/%ED%95%9C"),
        ("/search?q=two words", "/search?q=two%20words"),
        ("/search?path=C:\\x&y=%5C", "/search?path=C:%5Cx&y=%5C"),
        ("/userposts#a b\\", "/userposts#a%20b%5C"),
        (f"{SITE}?q=a b", "?q=a%20b"),
        ("/x?" + "a" * (MAX_LENGTH - 3), "/x?" + "a" * (MAX_LENGTH - 3)),
        ("/x?next=https://evil.example//\\", "/x?next=https://evil.example//%5C"),
        (SITE, ""),
        (f"{SITE}/", "/"),
        (f"{SITE}?x=1", "?x=1"),
        (f"{SITE}/userposts", "/userposts"),
        ("HTTP://LocalHost:3000/x", "/x"),
    ],
)
def test_pages_of_this_site_are_answered_absolute(candidate: str, expected: str) -> None:
    """A path on this site, or a URL of our own origin, becomes an absolute URL of ours."""
    assert safe_redirect(candidate, SITES) == SITE + expected


@pytest.mark.parametrize(
    "candidate",
    [
        *("", "userposts", "?x", "#x", "..", "./x", "//evil.example", "///evil.example", "////evil.example/x"),
        *("/\\evil.example", "\\/evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example"),
        *("\t//evil.example", " //evil.example", "/ /evil.example", "/\x00/evil.example", "\x01/x", "/x\x7f"),
        *("https://evil.example", "http://evil.example:3000", "http://localhost:3000@evil.example/"),
        *("http://localhost:3000:80@evil.example", "http://user@localhost:3000/", "http://a:b@localhost:3000/"),
        *(
            "http://localhost:3000.evil.example",
            "http://localhost:30001/",
            "http://localhost:300/",
            "http://localhost/",
        ),
        *("https://localhost:3000/", "http:/localhost:3000/x", "http:localhost:3000", "http:///localhost:3000/x"),
        *("http:\\\\localhost:3000", "http://localhost:3000\\@evil.example", "http://localhost:3000%40evil.example"),
        *("http://localho\u017ft:3000/", "http://\uff4cocalhost:3000/", "http://localhost\u3002:3000/"),
        *(
            "http://localhost.:3000/",
            "http://localhost:99999/",
            "http://localhost:x/",
            "http://[::1",
            "//[",
            "http://[",
        ),
        *("javascript:alert(1)", "JaVaScRiPt://localhost:3000/%0aalert(1)", "data:text/html,x", "blob:" + SITE),
        *(
            "/./x",
            "/../x",
            "/a/../b",
            "/a/..",
            "/a/.",
            "/%2e%2e/x",
            "/%2E/x",
            "/.%2e/x",
            "/a//b",
            f"{SITE}//evil.example",
        ),
        *("/a b?c", "/a\\b?c", " /x?c", "/x?\t", "/x?a\nb", "/x?\x00", "/x#\x7f"),
        *("/\ud800", "/" + "x" * MAX_LENGTH, "/?" + " " * (MAX_LENGTH // 3 + 1)),
    ],
)
def test_anything_else_is_refused(candidate: str) -> None:
    """Another origin, and whatever a browser could read as one, is refused."""
    assert safe_redirect(candidate, SITES) is None


def test_default_ports_are_the_same_origin() -> None:
    """An origin with its scheme's default port is the origin without it."""
    assert safe_redirect("https://gate.example:443/x", Sites("https://gate.example")) == "https://gate.example/x"
    assert safe_redirect("https://gate.example/x", Sites("https://gate.example:443")) == "https://gate.example:443/x"
    assert safe_redirect("http://[::1]:3000/x", Sites("http://[::1]:3000")) == "http://[::1]:3000/x"


@pytest.mark.parametrize(
    ("candidate", "own", "expected"),
    [
        ("https://app.example.com/x?a#b", None, "https://app.example.com/x?a#b"),
        ("https://APP.example.com:443/x", None, "https://app.example.com/x"),
        ("https://wiki.example.com:8443", None, "https://wiki.example.com:8443"),
        ("https://id.example.com/x", "https://app.example.com", "https://id.example.com/x"),
        ("/x?q=C:\\", "https://app.example.com", "https://app.example.com/x?q=C:%5C"),
        ("/x", None, "https://id.example.com/x"),
    ],
)
def test_all_sites_are_led_to(candidate: str, own: str | None, expected: str) -> None:
    """A URL of any site is a destination, and what has no origin is on the site where it was asked for."""
    assert safe_redirect(candidate, SHARED, own) == expected


@pytest.mark.parametrize(
    "candidate",
    [
        *("https://gateway:3000/", "https://example.com/", "https://evil.example.com/", "https://example.org/"),
        *("http://app.example.com/", "https://app.example.com:8443/", "https://wiki.example.com/"),
        *("https://app.example.com.evil.org/", "https://app.example.com@evil.org/", "https://xapp.example.com/"),
        *("https://app.example.com\\@evil.org/", "https://app.example.com%2f@evil.org", "//app.example.com/"),
        *("https://app.example.com./", "https:app.example.com/", "https://app.example.com//evil.org"),
    ],
)
def test_no_other_host_is_led_to(candidate: str) -> None:
    """Neither another host of the domain, nor a served name outside of it, nor a site by another scheme or port."""
    assert safe_redirect(candidate, SHARED) is None


@given(
    TRICKY | TRICKY.map(lambda text: "https://app.example.com" + text),
    st.sampled_from([None, "https://id.example.com"]),
)
def test_with_several_sites_everything_stays_on_one(candidate: str, own: str | None) -> None:
    """A result begins with a site's origin and a character that ends it, whatever is asked for."""
    answer = safe_redirect(candidate, SHARED, own)
    if answer is not None:
        origin = next(origin for origin in SHARED.origins if answer.startswith(origin))
        assert answer[len(origin) :][:1] in {"", "/", "?", "#"}
        assert urlsplit(urljoin("https://evil.example/a/", answer)).netloc == urlsplit(origin).netloc
        assert safe_redirect(answer, SHARED) == answer


@given(TRICKY | st.text() | TRICKY.map(lambda text: SITE + text) | TRICKY.map(lambda text: "/" + text))
@example("/\\/evil.example")
def test_whatever_is_answered_stays_here(candidate: str) -> None:
    """A result begins with our origin and a character that ends it, so every parser resolves it to this site."""
    answer = safe_redirect(candidate, SITES)
    if answer is not None:
        assert answer.startswith(SITE)
        assert answer[len(SITE) :][:1] in {"", "/", "?", "#"}
        assert answer.isascii()
        assert answer.isprintable()
        assert not set(answer) & set(" \\")
        assert urlsplit(urljoin("https://evil.example/a/", answer)).netloc == "localhost:3000"
        assert safe_redirect(answer, SITES) == answer
