"""How much is told of those who ask: some a minute, and the same once an hour."""

from structlog.testing import capture_logs

from gateway.callers.notices import AGAIN, MINUTE, MOST_A_MINUTE, Notices
from gateway.messages.request_heads import RequestHeads
from gateway.settings import PublicSide
from shared.web.sites import Sites

HEADS = RequestHeads({b"ours.example"})


class Asked:
    """Those who were told of at a time that the test chooses."""

    def __init__(self) -> None:
        self.now = 1000.0
        public = PublicSide(Sites.of("https://ours.example"), frozenset({b"ours.example"}), ())
        self._notices = Notices(public, lambda: None, lambda: self.now)

    def tell_host(self, host: str) -> bool:
        """Ask a host, and tell whether the log says so."""
        return self._tell(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", "203.0.113.1")

    def tell_peer(self, peer: str) -> bool:
        """Send X-Forwarded-For from an address, and tell whether the log says so."""
        return self._tell("GET / HTTP/1.1\r\nHost: ours.example\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n", peer)

    def _tell(self, head: str, peer: str) -> bool:
        with capture_logs() as logs:
            self._notices.look_at(HEADS.read(head.encode()), peer)
        return bool(logs)


def test_made_up_hosts_silence_nothing_for_long() -> None:
    """Whoever makes up hosts, or sends from many addresses, fills neither the log nor the memory."""
    asked = Asked()
    hosts = [asked.tell_host(f"h{number}.example") for number in range(50)]
    peers = [asked.tell_peer(f"198.51.100.{number}") for number in range(50)]
    assert (sum(hosts), sum(peers)) == (MOST_A_MINUTE, MOST_A_MINUTE)
    asked.now += MINUTE
    assert asked.tell_host("forgotten.example")
    assert asked.tell_peer("198.51.100.99")


def test_the_same_is_told_once_an_hour() -> None:
    """What is still so is told again, where an operator of today looks."""
    asked = Asked()
    for tell, who in ((asked.tell_host, "forgotten.example"), (asked.tell_peer, "198.51.100.1")):
        assert tell(who)
        for _ in range(59):
            asked.now += MINUTE
            assert not tell(who)
        asked.now += AGAIN
        assert tell(who)
