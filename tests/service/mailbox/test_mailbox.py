"""The mailbox of development, a process of its own: letters come by SMTP, are shown, and do nothing."""

import asyncio
import re
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from playwright.async_api import Browser, Page, expect

from deploy.mailbox.letters import LONGEST_LETTER
from tests.support.browser import launched_browser
from tests.support.house import ROOT
from tests.support.mailbox import RunningMailbox, running_mailbox, write_letter

HOSTILE = '"><script>document.title = "ran"</script><img src=x onerror=alert(1)>'
ENDS_WITHIN = 10.0  # seconds


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def mailbox() -> Iterator[RunningMailbox]:
    """Give an empty mailbox."""
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def page_of_hostile_letter(mailbox: RunningMailbox) -> str:
    """Give the page of a letter that tries to be more than text, wherever it can."""
    mailbox.send(write_letter(HOSTILE, HOSTILE, f"<p>{HOSTILE}</p>"))
    with mailbox.client() as client:
        return client.get("/letters/1").text


def test_a_letter_comes_and_is_shown(mailbox: RunningMailbox) -> None:
    """What is sent by SMTP stands in the list, the newest first, and has a page with its text, HTML and source."""
    mailbox.send(write_letter("The first"))
    mailbox.send(write_letter("비밀번호를 바꾸는 코드", "K7QM-3XWD", "<b>K7QM-3XWD</b>"))
    with mailbox.client() as client:
        subjects = re.findall(r'<a href="(/letters/\d)">([^<]*)', client.get("/").text)
        page, source = client.get("/letters/2").text, client.get("/letters/2/source").text
    assert subjects == [("/letters/2", "비밀번호를 바꾸는 코드"), ("/letters/1", "The first")]
    assert "K7QM-3XWD\n</pre>" in page
    (frame,) = Elements(page).named("iframe")
    assert (frame["srcdoc"] or "").endswith("<b>K7QM-3XWD</b>\n")
    assert source.startswith("From: Gatepost <no-reply@localhost>\nTo: ada@example.com\n")


def test_tests_read_and_empty_it(mailbox: RunningMailbox) -> None:
    """A test gets all of a letter as JSON, with the envelope's addresses, and can forget what came before."""
    letter = write_letter("Subject", "text", "html")
    letter["Bcc"] = "bob@example.com"
    mailbox.send(letter)
    (found,) = mailbox.list_letters()
    del found["receivedAt"]
    assert "Auto-Submitted" not in found.pop("source")
    assert found == {
        "number": 1,
        "sender": "no-reply@localhost",
        "recipients": ["ada@example.com", "bob@example.com"],
        "subject": "Subject",
        "text": "text\n",
        "html": "html\n",
    }
    with mailbox.client() as client:
        assert client.delete("/letters").status_code == 204
        assert client.get("/letters/1").status_code == 404
    assert mailbox.list_letters() == []


def test_a_letter_can_not_break_out(page_of_hostile_letter: str) -> None:
    """Of a letter nothing is an element of the page: it is text, or stands in the frame's attribute."""
    page = Elements(page_of_hostile_letter)
    assert page.named("script") == []
    assert [image["alt"] for image in page.named("img")] == [""]  # ours
    assert page_of_hostile_letter.count("onerror=alert(1)&gt;") == 4  # title, heading, text, frame


def test_no_address_can_break_out(mailbox: RunningMailbox) -> None:
    """What the envelope holds is text, too."""
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port) as smtp:
        smtp.sendmail('"<b>"@example.com', ['"<script>"@example.com'], "Subject: <i>\n\n<i>")
    with mailbox.client() as client:
        for path in ("/", "/letters/1"):
            page = Elements(client.get(path).text)
            assert [page.named(tag) for tag in ("b", "i", "script")] == [[], [], []]


def test_a_frame_may_do_nothing(mailbox: RunningMailbox, page_of_hostile_letter: str) -> None:
    """A letter's HTML has no origin, runs no script, sends no form, and loads nothing from elsewhere."""
    (frame,) = Elements(page_of_hostile_letter).named("iframe")
    assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert "src" not in frame
    with mailbox.client() as client:
        headers = client.get("/letters/1").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["img-src"] == "'self' data:"
    assert "script-src" not in policy
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_a_source_is_never_a_page(mailbox: RunningMailbox) -> None:
    """A letter's source is plain text for every browser."""
    mailbox.send(write_letter(html=HOSTILE))
    with mailbox.client() as client:
        answer = client.get("/letters/1/source")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_website_reads_it(mailbox: RunningMailbox) -> None:
    """A name that somebody's DNS gives to 127.0.0.1 is refused."""
    with mailbox.client() as client:
        assert client.get("/letters.json", headers={"Host": "rebound.example"}).status_code == 400


def test_it_listens_on_this_machine_only(mailbox: RunningMailbox) -> None:
    """Neither letters nor pages have a door at any address but 127.0.0.1."""
    for port in (mailbox.smtp_port, mailbox.page_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.parametrize("is_announced", [True, False])
def test_too_long_a_letter_is_refused(mailbox: RunningMailbox, is_announced: bool) -> None:  # noqa: FBT001 - a case
    """A letter beyond the bound is refused by SMTP, announced or not, and the next one is taken."""
    size = LONGEST_LETTER + 1
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port) as smtp:
        smtp.ehlo()
        code, _ = smtp.mail("a@example.com", [f"size={size}"] if is_announced else [])
        if not is_announced:
            smtp.rcpt("b@example.com")
            code, _ = smtp.data(b"Subject: Long\r\n\r\n" + b"x" * 100 + (b"\r\n" + b"x" * 98) * (size // 100))
    assert code == 552
    mailbox.send(write_letter("The next"))
    assert [letter["subject"] for letter in mailbox.list_letters()] == ["The next"]


def test_a_letter_that_nobody_can_read(mailbox: RunningMailbox) -> None:
    """What is no letter at all is kept with its source, and the list goes on."""
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port) as smtp:
        smtp.sendmail("", ["b@example.com"], b"Subject: =?x?b?\xff\r\nContent-Type: multipart/x\r\n\r\n\xff\xfe\x00")
    with mailbox.client() as client:
        assert [client.get(path).status_code for path in ("/", "/letters/1", "/letters/1/source")] == [200, 200, 200]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to(mailbox: RunningMailbox, number: signal.Signals) -> None:
    """It ends at once and silently, even while somebody is connected."""
    with socket.create_connection(("127.0.0.1", mailbox.smtp_port)) as smtp:
        assert smtp.recv(3) == b"220"
        mailbox.process.send_signal(number)
        mailbox.process.wait(ENDS_WITHIN)


# How it refuses to start


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a mailbox that can't start."""
    command = [sys.executable, "-m", "deploy.mailbox", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_it_is_not_for_production() -> None:
    """In production it does not start, and says why in one sentence."""
    ended = run(ENVIRONMENT="production")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "The mailbox does not start: it shows every letter to everybody, so it is not for ENVIRONMENT=production\n"
    )


def test_a_taken_port_is_one_sentence(mailbox: RunningMailbox) -> None:
    """A port that something else listens on is named in one sentence."""
    ended = run("--smtp-port", str(mailbox.smtp_port))
    assert ended.returncode == 2
    expected = f"The mailbox does not start: port {mailbox.smtp_port} of 127.0.0.1 can't be listened on: "
    assert ended.stderr.startswith(expected)
    assert ended.stderr.count("\n") == 1


# In a browser


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A server of somebody else, and the first line of each request that came to it."""

    url: str
    asked: list[str]


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """Give a server that letters may try to reach."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(4096)
        if head:  # a browser may connect in advance
            asked.append(head.partition(b"\r\n")[0].decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield Elsewhere(f"http://localhost:{server.sockets[0].getsockname()[1]}", asked)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Give a browser."""
    async with launched_browser() as browser:
        yield browser


async def open_letter(browser: Browser, mailbox: RunningMailbox, html: str) -> Page:
    """Return the page of a letter with this HTML, once that is shown."""
    mailbox.send(write_letter(html=f"<p>Before</p>{html}"))
    page = await browser.new_page()
    await page.goto(f"{mailbox.url}/letters/1", wait_until="networkidle")
    await expect(page.frame_locator("iframe").get_by_text("Before")).to_be_visible()
    return page


@pytest.mark.parametrize(
    "attack",
    [
        "<script>top.document.title = parent.document.title = 'ran'; fetch('{url}/ran')</script>",
        "<img src='{url}/loaded' onerror=\"top.location = '{url}/ran'\">",
        "<link rel=stylesheet href='{url}/style'><style>@import '{url}/more'; p {{background: url({url}/b)}}</style>",
        "<meta http-equiv=refresh content='0; url={url}/led-away'>",
        "<base href='{url}/' target=_top><a href='{url}/led-away' target=_top ping='{url}/ping'>Press</a>",
        "<iframe src='{url}/framed'></iframe><object data='{url}/object'></object><embed src='{url}/embedded'>",
        "<form action='{url}/sent' target=_blank><button>Press</button></form>",
    ],
)
async def test_a_letter_does_nothing_in_a_browser(
    mailbox: RunningMailbox, elsewhere: Elsewhere, browser: Browser, attack: str
) -> None:
    """Chromium shows a letter's HTML, but runs, loads and sends nothing of it, and stays on its page."""
    page = await open_letter(browser, mailbox, attack.format(url=elsewhere.url))
    for pressed in await page.frame_locator("iframe").get_by_text("Press").all():
        await pressed.click()
    await page.wait_for_load_state("networkidle")
    assert (await page.title(), page.url) == ("A letter · Mailbox", f"{mailbox.url}/letters/1")
    assert len(page.context.pages) == 1
    assert elsewhere.asked == []


async def test_a_link_opens_in_a_tab_of_its_own(
    mailbox: RunningMailbox, elsewhere: Elsewhere, browser: Browser
) -> None:
    """A link in a letter can be followed, as one does with the one that signs in: outside of the frame."""
    page = await open_letter(browser, mailbox, f'<a href="{elsewhere.url}/sign-in">Go</a>')
    async with page.context.expect_page() as opened:
        await page.frame_locator("iframe").get_by_text("Go").click()
    tab = await opened.value
    await tab.wait_for_load_state()
    assert await tab.evaluate("[self.origin, window.opener, document.referrer]") == [elsewhere.url, None, ""]
    assert elsewhere.asked[0] == "GET /sign-in HTTP/1.1"


async def test_the_list_follows(mailbox: RunningMailbox, browser: Browser) -> None:
    """A letter that comes while the list is looked at appears there by itself."""
    page = await browser.new_page()
    await page.goto(mailbox.url)
    await expect(page.get_by_text("No letter has come yet.")).to_be_visible()
    mailbox.send(write_letter("It came"))
    await expect(page.get_by_role("link", name="It came")).to_be_visible()
