"""Which server takes letters, and who they are from."""

import pytest

from auth_service.mail.smtp_url import SmtpServer, read_sender, read_smtp_url

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, "starttls")),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, "tls")),
        (
            "smtp://me%40here:s%3Acret@mail.example.com:25/",
            SmtpServer("mail.example.com", 25, "starttls", "me@here", "s:cret"),
        ),
        ("smtp://[::1]:2525?tls=none", SmtpServer("::1", 2525, "none")),
    ],
)
def test_a_server_is_read(url: str, server: SmtpServer) -> None:
    """A URL names host, port, how it is encrypted, and who we are there."""
    assert read_smtp_url(url, is_development=True) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:587",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com/path",
        "smtp://mail.example.com?tls=maybe",
        "smtps://mail.example.com?tls=none",
        f"smtp://:{SECRET}@mail.example.com:99999",
        "smtp://me@mail.example.com",
    ],
)
def test_what_is_no_server_is_refused(url: str) -> None:
    """Anything else is refused by a sentence that names the setting, and no password."""
    with pytest.raises(ValueError, match="SMTP_URL") as refusal:
        read_smtp_url(url, is_development=True)
    assert SECRET not in str(refusal.value)


def test_only_development_goes_without_tls() -> None:
    """Production sends nothing in the clear."""
    with pytest.raises(ValueError, match="development"):
        read_smtp_url("smtp://mailbox:2525?tls=none", is_development=False)


def test_a_sender_is_read() -> None:
    """A sender is an address, with or without a name."""
    assert str(read_sender("no-reply@example.com")) == "no-reply@example.com"
    assert str(read_sender("Example <no-reply@example.com>")) == "Example <no-reply@example.com>"


@pytest.mark.parametrize("text", ["", "Example", "Example <>", "a b@example.com", "a@b@c", "Example <a@exämple.com>"])
def test_what_is_no_sender_is_refused(text: str) -> None:
    """A sender without a usable address is refused."""
    with pytest.raises(ValueError, match="MAIL_FROM"):
        read_sender(text)
