"""The mailbox of development: what it keeps, how it reads what anybody may have written, and where it is."""

import datetime as dt
import re
from email.message import EmailMessage

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.mailbox.letters import LONGEST_LETTER, MOST_BYTES, MOST_LETTERS, Mailbox
from deploy.mailbox.reading import Contents, read_contents, read_source
from stack.mailbox import SENDER
from stack.ports import USUAL_MAILBOX
from tests.support.house import ROOT

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
HEAD = st.sampled_from(
    [
        b"Subject: ",
        b"Content-Type: ",
        b"Content-Transfer-Encoding: base64\r\n",
        b"MIME-Version: 1.0\r\n",
        b"text/html; charset=",
        b"multipart/mixed; boundary=b",
        b"multipart/alternative; boundary=b",
        b"message/rfc822",
        b"=?utf-8?b?",
        b"raw_unicode_escape",
        b"undefined",
        b"\\ud800",
        b"\r\n",
        b"\r\n--b\r\n",
    ]
)


def fill(mailbox: Mailbox, *sources: bytes) -> None:
    """Put letters to Ada into a mailbox."""
    for source in sources:
        mailbox.add("", ["ada@example.com"], source, NOW)


def test_the_newest_are_kept() -> None:
    """Beyond so many letters the oldest goes; the newest comes first, and no number is given twice."""
    mailbox = Mailbox(most_letters=3)
    fill(mailbox, *(b"%d" % number for number in range(5)))
    assert [(letter.number, letter.source) for letter in mailbox] == [(5, b"4"), (4, b"3"), (3, b"2")]
    assert mailbox.find(2) is None
    mailbox.clear()
    fill(mailbox, b"next")
    assert [letter.number for letter in mailbox] == [6]


@given(st.lists(st.integers(0, 80), max_size=30))
def test_bytes_are_bounded(sizes: list[int]) -> None:
    """Whatever comes, letters with their addresses are within the bound, and one that fits is kept."""
    bound = 100
    mailbox = Mailbox(most_letters=10, most_bytes=bound)
    for size in sizes:
        fill(mailbox, b"x" * size)
        kept = [letter.size for letter in mailbox]
        assert sum(kept) <= bound
        assert len(mailbox) == len(kept) <= 10
        assert len(mailbox) >= 1 or size + len("ada@example.com") > bound
    mailbox.clear()
    fill(mailbox, b"x" * 80)
    assert len(mailbox) == 1


def test_the_usual_bounds_hold_many_long_letters() -> None:
    """Many of the longest letters that SMTP takes have room, and 200 of the usual ones."""
    assert MOST_LETTERS == 200
    assert MOST_BYTES >= 30 * LONGEST_LETTER


def test_both_parts_are_read() -> None:
    """A letter's subject, plain text and HTML are read, in any language."""
    letter = EmailMessage()
    letter["Subject"] = "비밀번호"
    letter.set_content("안녕하세요\n")
    letter.add_alternative("<p>안녕하세요</p>\n", subtype="html")
    assert read_contents(bytes(letter)) == Contents("비밀번호", "안녕하세요\n", "<p>안녕하세요</p>\n")


@pytest.mark.parametrize("charset", ["nonsense", "undefined", "rot13", "hex", "idna"])
def test_an_unknown_encoding_is_shown_as_well_as_can_be(charset: str) -> None:
    """A part in no encoding of text is read as UTF-8."""
    source = f"Content-Type: text/plain; charset={charset}\r\n\r\nHello ✓".encode()
    assert read_contents(source).text == "Hello ✓"


@given(st.lists(HEAD | st.binary(max_size=20), max_size=12).map(b"".join))
def test_anything_can_be_read(source: bytes) -> None:
    """Whatever comes by SMTP gives texts that can be encoded, and never an exception."""
    contents = read_contents(source)
    for text in (contents.subject, contents.text or "", contents.html or "", read_source(source)):
        text.encode()


def test_a_letter_in_a_letter_in_a_letter() -> None:
    """A letter that is nested as deep as fits ends in no exception."""
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(5_000))
    assert isinstance(read_contents(nested), Contents)


# Where it is


def test_compose_publishes_its_page_on_this_machine_only() -> None:
    """The container is there only with its profile, publishes its page on 127.0.0.1, and SMTP to nobody."""
    mailbox = COMPOSE["services"]["mailbox"]
    assert mailbox["profiles"] == ["mailbox"]
    assert mailbox["ports"] == [f"127.0.0.1:${{MAILBOX_PORT:-{USUAL_MAILBOX.page_port}}}:{USUAL_MAILBOX.page_port}"]
    users = {name for name, each in COMPOSE["services"].items() if "mailbox" in each.get("networks", [])}
    assert users == {"mailbox"}


def test_it_is_found_at_one_place() -> None:
    """Image, compose and the stack without Docker agree on its ports, and on who letters are from."""
    smtp, page = USUAL_MAILBOX.smtp_port, USUAL_MAILBOX.page_port
    image = (ROOT / "Dockerfile").read_text().partition(" AS mailbox\n")[2]
    assert f"EXPOSE {smtp} {page}\n" in image
    assert f"PORT={page}\n" in image
    script = (ROOT / "deploy" / "compose.sh").read_text()
    assert re.findall(r"SMTP_URL=(smtp\S+)", script) == [f"smtp://mailbox:{smtp}?tls=none"]
    assert re.findall(r"MAIL_FROM=\$\{from:-([^}]*)}", script) == [SENDER]
    program = (ROOT / "deploy" / "mailbox" / "__main__.py").read_text()
    assert re.findall(r"default=(\d+)", program) == [str(smtp), str(page)]
