"""Letters as they are sent: what each says in each language, and that nobody can steer them."""

import datetime as dt
import io
import re
from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from auth_service.mail.composing import TEMPLATES, compose, name_message
from auth_service.mail.letters import LetterKind
from auth_service.mail.wrapping import COLUMNS, measure
from shared.language.languages import LANGUAGES
from shared.language.translations import CATALOGUES
from shared.web.branding import Branding
from tests.support.sample_letters import (
    FACTS,
    LINK,
    MOMENT,
    SENDER,
    SITE,
    Words,
    compose_sample,
    make_letter,
    read_part,
)

HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("MIME-Version", "Content-Type", "Content-Language"),
]
CODES = {kind for kind in LetterKind if "code" in FACTS[kind]}
NOTICES = {
    *(LetterKind.RESET_STARTED, LetterKind.PASSWORD_CHANGED, LetterKind.ADDRESS_CHANGED),
    *(LetterKind.NEW_DEVICE, LetterKind.SESSIONS_ENDED),
    *(LetterKind.IDENTITY_LINKED, LetterKind.IDENTITY_REMOVED),
}
URL = re.compile(r"\w+://[^\s\"<>]*")
ATTACKS = (
    *("evil.example", "http://evil.example/win", "Ada\r\nBcc: eve@evil.example", "</p><a href=http://evil.example>"),
    *("%(site)s", "{{ site }}", "Ada\n\nhttp://evil.example\n", "eve@evil.example", "\u202eada", "=?utf-8?q?=0Aa?="),
)
ANY_TEXT = st.sampled_from(ATTACKS) | st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab.:/@\r\n <>%")
EACH_KIND = pytest.mark.parametrize("kind", LetterKind)
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


# What it says


@EACH_KIND
@EACH_LANGUAGE
def test_both_parts_say_the_same(kind: LetterKind, language: str) -> None:
    """The plain text and the HTML of a letter have the same words; the HTML repeats the subject above them."""
    message = compose_sample(kind, language)
    words = Words(read_part(message, "html"))
    assert words.prose == " ".join(read_part(message, "plain").split())
    assert words.headlines == [message["Subject"]] * 2


@EACH_KIND
def test_a_letter_is_in_one_language(kind: LetterKind) -> None:
    """A letter in Korean has no sentence in English, and says its language in a header."""
    message = compose_sample(kind, "ko")
    assert message["Content-Language"] == "ko"
    for text in (message["Subject"], *read_part(message, "plain").split("\n\n")):
        assert re.search("[가-힣]", text) or text.strip() == "7K3F-9QXM"
        assert not re.search(r"[A-Za-z]{2,} [a-z]{2,}", text)


@EACH_KIND
@EACH_LANGUAGE
def test_a_letter_names_its_facts(kind: LetterKind, language: str) -> None:
    """A letter has the name, the code, the link, the device and the address that it is told, and the site."""
    plain = read_part(compose_sample(kind, language), "plain")
    facts = {"code": "7K3F-9QXM", "name": "Ada", "url": LINK, "address": "192.0.2.17", "device": "Firefox"}
    for fact, shown in facts.items():
        assert (shown in plain) == (fact in FACTS[kind]), fact
    assert "Windows" in plain or "device" not in FACTS[kind]
    assert plain.rstrip().endswith(f"\n{SITE}")


@EACH_LANGUAGE
def test_a_code_says_how_long_it_is_good(language: str) -> None:
    """A letter with a code says for how long it is good, and that nobody will ask for it."""
    for kind in CODES:
        plain = " ".join(read_part(compose_sample(kind, language), "plain").split())
        assert {"en": "within 10 minutes", "ko": "10분 안에"}[language] in plain
        assert {"en": "nobody at gatepost.example will ever ask", "ko": "누구도 코드를"}[language] in plain


@EACH_LANGUAGE
def test_a_notice_says_when(language: str) -> None:
    """A notice says when it happened, in UTC, and where to go if it wasn't the reader."""
    for kind in NOTICES:
        plain = read_part(compose_sample(kind, language), "plain")
        assert {"en": "29 November 2026, 05:17 (UTC)", "ko": "2026년 11월 29일 05:17 (UTC)"}[language] in plain
        assert f"{SITE}/forgot\n" in plain or f"{SITE}/account/password\n" in plain


@EACH_KIND
@EACH_LANGUAGE
def test_one_letter_alone_has_a_secret_in_a_link(kind: LetterKind, language: str) -> None:
    """The link to sign in is the only one that is more than the path of a page."""
    message = compose_sample(kind, language)
    links = {*Words(read_part(message, "html")).links, *URL.findall(read_part(message, "plain"))}
    paths = {
        "",
        "/forgot",
        "/signup",
        "/api/auth/signin",
        "/account/password",
        "/account/sessions",
        "/account/identities",
    }
    assert links - {SITE + path for path in paths} == ({LINK} if kind == LetterKind.SIGN_IN_LINK else set())


@EACH_KIND
@EACH_LANGUAGE
def test_plain_text_is_plain(kind: LetterKind, language: str) -> None:
    """Lines are short, but for an address; nothing is escaped, and no room is left empty."""
    plain = read_part(compose_sample(kind, language), "plain")
    assert not [line for line in plain.splitlines() if measure(line) > COLUMNS and not line.startswith(SITE)]
    assert not re.search(r"&\w+;|<|\n\n\n|[ \t]\n|\{|%\(", plain)


@EACH_LANGUAGE
def test_a_reset_names_what_it_leaves(language: str) -> None:
    """Letters about a reset name the providers by which somebody still gets in, and lead to where they are removed."""
    for kind in (LetterKind.RESET_STARTED, LetterKind.PASSWORD_CHANGED):
        page = f"{SITE}/account/identities\n"
        assert page not in read_part(compose_sample(kind, language), "plain")
        plain = read_part(compose_sample(kind, language, {"name": "Ada", "providers": "Google\nKakao"}), "plain")
        assert "Google, Kakao" in plain
        assert page in plain


def test_a_letter_without_a_name_greets_nobody() -> None:
    """Where there is no name, or one that can't be shown, the greeting goes without."""
    for facts in ({"code": "7K3F9QXM"}, {"code": "7K3F9QXM", "name": "evil.example"}):
        assert read_part(compose_sample(LetterKind.RESET_CODE, facts=facts), "plain").startswith("Hello,\n")


# What it is


@EACH_KIND
def test_a_program_sent_it(kind: LetterKind) -> None:
    """A letter has these headers and no other, and says that nobody's holiday is to answer it."""
    message = compose_sample(kind)
    assert message.keys() == HEADERS
    assert message["From"] == "Gatepost <no-reply@gatepost.example>"
    assert message["To"] == "ada@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert parse(message)["Date"].datetime == MOMENT.replace(microsecond=0)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@EACH_KIND
@EACH_LANGUAGE
def test_every_server_can_take_it(kind: LetterKind, language: str) -> None:
    """A letter is ASCII in short lines, whatever its language and names."""
    data = compose_sample(kind, language, FACTS[kind] | {"name": "Zoë"}).as_bytes()
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78


def test_a_letter_is_recognised_when_it_is_sent_again() -> None:
    """The Message-ID is that of the letter, however often it is tried, and no other letter has it."""
    letter = make_letter(LetterKind.TEST)
    others = (replace(letter, id=8), replace(letter, created_at=MOMENT + dt.timedelta(microseconds=1)))
    again = compose(replace(letter, tries=5), SENDER, SITE)
    assert again["Message-ID"] == name_message(letter, SITE) == f"<7.{1795929422000345}@gatepost.example>"
    assert len({name_message(each, SITE) for each in (letter, *others)}) == 3


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("http://localhost:3000", "localhost"),
        ("http://[::1]:3000", "[IPv6:::1]"),
        (f"https://{'a' * 60}.{'b' * 60}.example", f"{'a' * 60}.{'b' * 60}.example"),
    ],
)
def test_a_message_id_names_the_host(site: str, host: str) -> None:
    """The Message-ID ends in the site's host, and arrives as it is."""
    message = compose(make_letter(LetterKind.TEST), SENDER, site)
    assert message["Message-ID"].endswith(f"@{host}>")
    assert parse(message)["Message-ID"] == message["Message-ID"]


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada+x'{y}@example.com", "ada+x'{y}@example.com"),
        ("영희@example.com", "영희@example.com"),
    ],
)
def test_an_address_is_written_as_servers_know_it(address: str, written: str) -> None:
    """A domain is in punycode; a local part stays as it is, even where only SMTPUTF8 (RFC 6531) can carry it."""
    message = compose(make_letter(LetterKind.TEST, address=address), SENDER, SITE)
    assert message["To"].addresses[0].addr_spec == written
    assert f"To: {written}\r\n".encode() in message.as_bytes()


@pytest.mark.parametrize(
    "address",
    [
        *("", "ada", "@", "a@", "@b", "a@b@c", "a@b,c@d", '"a b"@c', "a b@c", "a@b\r\nBcc: c@d", "a@b\x00", "<a@b>"),
        *("a@b;c", "a\u202e@b", "a:b@c;"),
    ],
)
def test_an_address_is_one(address: str) -> None:
    """A letter goes to one address, and never to what could be read as several, or as more than one."""
    with pytest.raises(ValueError, match="address"):
        compose(make_letter(LetterKind.TEST, address=address), SENDER, SITE)


# Who can't steer it


@given(
    st.sampled_from(LetterKind),
    st.sampled_from(LANGUAGES) | ANY_TEXT,
    st.fixed_dictionaries(dict.fromkeys(("name", "device", "address"), ANY_TEXT), optional={"more": ANY_TEXT}),
)
def test_no_fact_steers_a_letter(kind: LetterKind, language: str, facts: dict[str, str]) -> None:
    """Whatever the facts are, the message arrives with the headers it was given, to one person, with our links only."""
    given_facts = {**FACTS[kind], **facts}
    message = compose_sample(kind, language, given_facts)
    arrived = parse(message)

    assert arrived.items() == message.items()
    assert arrived.keys() == HEADERS
    assert arrived["To"].addresses == (Address(addr_spec="ada@example.com"),)
    assert arrived["Subject"] == compose_sample(kind, language, FACTS[kind])["Subject"]
    assert not arrived.defects
    words = Words(read_part(arrived, "html"))
    for url in (*words.links, *URL.findall(words.prose), *URL.findall(read_part(arrived, "plain"))):
        assert url == SITE or url.startswith(f"{SITE}/")
    assert read_part(arrived, "plain") == read_part(message, "plain")
    assert "evil" not in message["Subject"] + read_part(message, "plain") + read_part(message, "html")


@given(ANY_TEXT)
def test_no_address_steers_a_letter(address: str) -> None:
    """Whatever stands in the table as an address, the message goes to that one address, or is not made."""
    try:
        message = compose(make_letter(LetterKind.TEST, address=address), SENDER, SITE)
    except ValueError:
        return
    arrived = parse(message)
    assert arrived.keys() == HEADERS
    assert len(arrived["To"].addresses) == 1


def parse(message: EmailMessage) -> EmailMessage:
    """Return a message as a mail program reads it."""
    arrived = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert isinstance(arrived, EmailMessage)
    return arrived


# Laws of the templates


def test_each_kind_has_its_template() -> None:
    """There is a template for each kind, and none for any other, but those that are parts of all."""
    parts = {"frame.html", "frame.txt", "pieces.html", "pieces.txt", "letter.jinja", "code.jinja", "happened.jinja"}
    assert {path.name for path in TEMPLATES.iterdir()} == parts | {f"{kind.value}.jinja" for kind in LetterKind}


def test_templates_name_no_address_of_others() -> None:
    """No template holds an address or fetches anything: what leads anywhere begins with the site."""
    for path in TEMPLATES.iterdir():
        text = path.read_text()
        for word in ("http", "://", "www", "mailto", "src", "url(", "@", "<img", "<link", "<style", "<script", "|safe"):
            assert word not in text.replace("<!doctype", ""), f"{path.name} holds {word}"


def test_no_translation_names_an_address() -> None:
    """Nor does a translation of their texts."""
    for path in CATALOGUES.glob("*.po"):
        for message in read_po(io.StringIO(path.read_text())):
            assert "://" not in str(message.string), message.id


def test_a_letter_can_be_in_an_operators_words() -> None:
    """A text of a letter is replaced like one of a page: plain in plain text, and never markup in HTML."""
    ours = "There is no account with this e-mail address"
    branding = Branding(texts={"en": {ours: "Nobody <b>here</b>"}})
    message = compose(make_letter(LetterKind.NOBODY_HERE), SENDER, SITE, branding=branding)
    assert message["Subject"] == "Nobody <b>here</b>"
    assert "Nobody &lt;b&gt;here&lt;/b&gt;" in read_part(message, "html")
    korean = compose(make_letter(LetterKind.NOBODY_HERE, language="ko"), SENDER, SITE, branding=branding)
    assert "Nobody" not in korean["Subject"]


def test_no_letter_leads_to_an_account_that_nobody_can_have() -> None:
    """A letter to an address without an account leads to signing up only where everybody may."""
    for has_sign_up in (True, False):
        message = compose(make_letter(LetterKind.NOBODY_HERE), SENDER, SITE, has_sign_up=has_sign_up)
        assert (f"{SITE}/signup" in read_part(message, "plain")) is has_sign_up
