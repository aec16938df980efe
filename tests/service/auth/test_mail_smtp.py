"""Conversations with a server for mail: what is sent, how it is protected, and what an answer means for the letter."""

import asyncio
import ssl
from email.message import EmailMessage
from pathlib import Path

import pytest

from auth_service.mail import smtp
from auth_service.mail.smtp import Answer, Outcome, SmtpRelay
from auth_service.mail.smtp_url import SmtpServer
from tests.support.certificates import Authority
from tests.support.ports import find_free_port
from tests.support.relays import HOST, SENDER, relay_to
from tests.support.smtp_server import PASSWORD, USER, Inbox, authenticate, silent_server, smtp_server

TO = "ada@example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that signs for the servers of these tests."""
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def inbox() -> Inbox:
    """Give an empty inbox."""
    return Inbox()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a whole conversation take a fraction of a second."""
    for name in ("CONNECT_TIMEOUT", "WHOLE_TIMEOUT", "FAREWELL_TIMEOUT"):
        monkeypatch.setattr(smtp, name, 0.2)


def write_letter() -> EmailMessage:
    """Return a letter to nobody yet."""
    letter = EmailMessage()
    letter["From"] = SENDER
    letter["Subject"] = "보안 알림"
    letter.set_content("Ihr Code: 7K3F-9QXM, für Gatepost\n.\nno end\n")
    return letter


async def send(relay: SmtpRelay, to: str = TO) -> Answer:
    """Send a letter."""
    return await relay.send(write_letter(), to)


async def test_a_letter_arrives(inbox: Inbox) -> None:
    """A letter arrives as it was written, from the sender, to the address and no other."""
    async with smtp_server(inbox) as port:
        answer = await send(relay_to(port))
    assert answer == Answer(Outcome.SENT, "250 2.0.0 queued")
    [letter] = inbox.letters
    assert (inbox.senders, inbox.recipients) == ([SENDER.addr_spec], [TO])
    assert (str(letter["From"]), str(letter["To"]), letter["Subject"]) == (str(SENDER), TO, "보안 알림")
    assert letter.get_content().replace("\r\n", "\n") == "Ihr Code: 7K3F-9QXM, für Gatepost\n.\nno end\n"
    assert set(inbox.hosts) == {SENDER.domain}


async def test_starttls(inbox: Inbox, authority: Authority) -> None:
    """With ``smtp://`` a letter goes only after STARTTLS, to a server whose certificate is good."""
    async with smtp_server(inbox, starttls=authority.serve(HOST), require_starttls=True) as port:
        assert (await send(relay_to(port, "starttls", authority.trust()))).outcome is Outcome.SENT
    assert len(inbox.letters) == 1


async def test_tls_from_the_first_byte(inbox: Inbox, authority: Authority) -> None:
    """With ``smtps://`` not a word is said in the clear."""
    async with smtp_server(inbox, tls=authority.serve(HOST)) as port:
        assert (await send(relay_to(port, "tls", authority.trust()))).outcome is Outcome.SENT
    assert len(inbox.letters) == 1


async def test_the_systems_authorities_are_trusted(
    inbox: Inbox, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's certificate authorities are trusted, or those in ``SSL_CERT_FILE``."""
    async with smtp_server(inbox, starttls=authority.serve(HOST)) as port:
        assert (await send(relay_to(port, "starttls"))).outcome is Outcome.MISCONFIGURED
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert (await send(relay_to(port, "starttls"))).outcome is Outcome.SENT


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["another name", "an unknown authority"])
async def test_a_bad_certificate_gets_nothing(
    inbox: Inbox, authority: Authority, tmp_path: Path, security: str, fault: str
) -> None:
    """A server with a certificate for another name, or of an unknown authority, gets neither letter nor password."""
    signer = authority if fault == "another name" else Authority.create(tmp_path)
    context = signer.serve("elsewhere.example" if fault == "another name" else HOST)
    seen: list[object] = []

    def watch(*login: object) -> object:
        seen.append(login)
        return authenticate(*login)  # type: ignore[arg-type]

    served = {"starttls": context} if security == "starttls" else {"tls": context, "auth_require_tls": False}
    async with smtp_server(inbox, authenticator=watch, **served) as port:
        answer = await send(relay_to(port, security, authority.trust(), USER, PASSWORD))
    assert answer.outcome is Outcome.MISCONFIGURED
    assert "CERTIFICATE_VERIFY_FAILED" in answer.text
    assert (inbox.letters, inbox.senders, seen) == ([], [], [])


async def test_nothing_goes_without_starttls(inbox: Inbox, authority: Authority) -> None:
    """A server that offers no STARTTLS, or somebody who hides it, gets nothing; the letter is not at fault."""
    async with smtp_server(inbox) as port:
        answer = await send(relay_to(port, "starttls", authority.trust(), USER, PASSWORD))
    assert answer == Answer(Outcome.MISCONFIGURED, "SMTP STARTTLS extension not supported by server.")
    assert inbox.senders == []


@pytest.mark.parametrize(
    ("password", "outcome"), [(PASSWORD, Outcome.SENT), ("another password", Outcome.MISCONFIGURED)]
)
async def test_auth(inbox: Inbox, authority: Authority, password: str, outcome: Outcome) -> None:
    """Who we are is proven by the password; a wrong one is a fault of the set-up, and the answer does not repeat it."""
    options = {"authenticator": authenticate, "auth_required": True}
    async with smtp_server(inbox, starttls=authority.serve(HOST), **options) as port:  # type: ignore[arg-type]
        answer = await send(relay_to(port, "starttls", authority.trust(), USER, password))
    assert answer.outcome is outcome
    assert len(inbox.letters) == (outcome is Outcome.SENT)
    assert password not in answer.text


async def test_auth_that_is_wanted_and_not_there(inbox: Inbox, authority: Authority) -> None:
    """A server that wants a user whom we were not told of, or knows nothing of users, is a fault of the set-up."""
    options = {"authenticator": authenticate, "auth_required": True}
    async with smtp_server(inbox, starttls=authority.serve(HOST), **options) as port:  # type: ignore[arg-type]
        answer = await send(relay_to(port, "starttls", authority.trust()))
    assert (answer.outcome, answer.text[:3]) == (Outcome.MISCONFIGURED, "530")
    async with smtp_server(inbox, starttls=authority.serve(HOST), auth_exclude_mechanism=["LOGIN", "PLAIN"]) as port:
        answer = await send(relay_to(port, "starttls", authority.trust(), USER, PASSWORD))
    assert answer.outcome is Outcome.MISCONFIGURED


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("451 4.7.1 Greylisted, try again later", Outcome.LATER),
        ("421 4.3.2 Going down", Outcome.LATER),
        ("452 4.2.2 Mailbox full", Outcome.LATER),
        ("550 5.1.1 No such user", Outcome.REFUSED),
        ("554 5.7.1 Refused", Outcome.REFUSED),
        ("530 5.7.0 Authentication required", Outcome.MISCONFIGURED),
    ],
)
async def test_what_a_reply_means(inbox: Inbox, reply: str, outcome: Outcome) -> None:
    """4xx may pass, 5xx is about the letter, but for those by which a server wants to know who we are."""
    inbox.replies.append(reply)
    async with smtp_server(inbox) as port:
        assert await send(relay_to(port)) == Answer(outcome, reply)
    assert inbox.letters == []


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [("451 4.3.0 Local error", Outcome.LATER), ("554 5.7.1 It looks like spam", Outcome.REFUSED)],
)
async def test_what_a_reply_to_the_text_means(inbox: Inbox, reply: str, outcome: Outcome) -> None:
    """The same holds once the text was sent."""
    inbox.replies_to_text.append(reply)
    async with smtp_server(inbox) as port:
        assert await send(relay_to(port)) == Answer(outcome, reply)


async def test_a_refused_sender_is_no_letters_fault(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not take ``MAIL_FROM`` refuses all letters alike: none of them is to blame."""

    async def refuse(*_: object) -> str:
        return "553 5.7.1 Sender address rejected: not owned by you"

    monkeypatch.setattr(Inbox, "handle_MAIL", refuse)
    async with smtp_server(inbox) as port:
        assert (await send(relay_to(port))).outcome is Outcome.MISCONFIGURED


async def test_answers_tell_nothing_of_the_letter(inbox: Inbox) -> None:
    """What a server repeats of an address or of a link is left out, for answers go into logs."""
    inbox.replies.append("550 5.1.1 <ada@example.com>: user Ada is unknown, see https://example.com/?u=1 (nada)")
    async with smtp_server(inbox) as port:
        answer = await send(relay_to(port))
    assert answer.text == "550 5.1.1 … user … is unknown, see … (nada)"


@pytest.mark.usefixtures("hasty")
async def test_silence() -> None:
    """A server that accepts the connection and says nothing is given up in time, and the letter is tried again."""
    async with silent_server() as port, asyncio.timeout(10):
        answers = [await send(relay_to(port, security)) for security in ("none", "tls")]
    assert [answer.outcome for answer in answers] == [Outcome.LATER, Outcome.LATER]


@pytest.mark.usefixtures("hasty")
async def test_silence_in_the_middle(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that falls silent in the middle is given up as well."""

    async def say_nothing(*_: object) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(Inbox, "handle_RCPT", say_nothing)
    async with smtp_server(inbox) as port, asyncio.timeout(10):
        assert (await send(relay_to(port))).outcome is Outcome.LATER


async def test_a_letter_that_was_taken_is_sent(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server does after it took the letter, even if it does not answer the farewell, changes nothing."""

    async def say_nothing(*_: object) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(Inbox, "handle_QUIT", say_nothing, raising=False)
    monkeypatch.setattr(smtp, "FAREWELL_TIMEOUT", 0.2)
    async with smtp_server(inbox) as port, asyncio.timeout(10):
        assert (await send(relay_to(port))).outcome is Outcome.SENT


async def test_a_dead_port() -> None:
    """Where nobody listens the letter is tried again."""
    answer = await send(relay_to(find_free_port()))
    assert answer.outcome is Outcome.LATER


async def test_a_name_that_is_not_found() -> None:
    """A server whose name is not found may be found later."""
    relay = SmtpRelay(SmtpServer("nowhere.invalid", 587, "starttls"), SENDER)
    assert (await send(relay)).outcome is Outcome.LATER


@pytest.mark.usefixtures("hasty")
async def test_one_lookup_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server's name can't be looked up, all letters together keep one thread busy, and give up in time."""
    looking, found = 0, asyncio.Event()

    async def hang(*_: object, **__: object) -> list[object]:
        nonlocal looking
        looking += 1
        await found.wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    relay = relay_to(25)
    answers = await asyncio.gather(*(send(relay) for _ in range(8)))
    found.set()
    assert {answer.outcome for answer in answers} == {Outcome.LATER}
    assert looking == 1


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ada@exämple.com", "ada@xn--exmple-cua.com"),
        ("ada@EXÄMPLE.com", "ada@xn--exmple-cua.com"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@도메인.한국", "ada@xn--hq1bm8jm9l.xn--3e0b707e"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
    ],
)
async def test_a_domain_is_written_in_punycode(inbox: Inbox, address: str, written: str) -> None:
    """A domain in any script is sent as DNS knows it, in the envelope and in the letter."""
    async with smtp_server(inbox) as port:
        assert (await send(relay_to(port), address)).outcome is Outcome.SENT
    assert inbox.recipients == [written]
    assert str(inbox.letters[0]["To"]) == written


async def test_what_stands_before_the_at_may_take_smtputf8(inbox: Inbox) -> None:
    """Such an address is written as it is to a server that knows how to read it; to another it can't be sent."""
    async with smtp_server(inbox, enable_SMTPUTF8=True) as port:
        assert (await send(relay_to(port), "아다@예.한국")).outcome is Outcome.SENT
    assert "SMTPUTF8" in inbox.options
    assert inbox.recipients == ["아다@xn--2j5b.xn--3e0b707e"]
    assert str(inbox.letters[0]["To"]) == inbox.recipients[0]
    async with smtp_server(inbox) as port:
        assert (await send(relay_to(port), "아다@예.한국")).outcome is Outcome.REFUSED
    assert len(inbox.letters) == 1


@pytest.mark.parametrize("address", ["ada", "@example.com", "a b@example.com", "a@b\r\nRCPT TO:<c@d>", "a@-ä-.com"])
async def test_what_is_no_address_is_never_said(inbox: Inbox, address: str) -> None:
    """What can't be an address is refused before anything is said to the server."""
    async with smtp_server(inbox) as port:
        assert (await send(relay_to(port), address)).outcome is Outcome.REFUSED
    assert (inbox.hosts, inbox.senders) == ([], [])


def test_trust_is_checked_by_default() -> None:
    """Without any context of a test's, names and certificates are checked, by TLS 1.2 or newer."""
    context = relay_to(25)._context  # noqa: SLF001 - nothing else shows it
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
