"""What ``doctor`` finds by asking for the gateway by its public URL: TLS, the proxy in front, and what that sends."""

import asyncio
import contextlib
import datetime as dt
import http.client
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.pages.doctor_answer import ANSWER_HEADER, ASKED_AT, SIGNATURE_HEADER, build_questions
from gateway.settings import GatewaySettings
from shared.doctor.findings import Finding, looks_at, ok, problem, unknown, warning
from shared.doctor.questions import QUESTION_HEADER
from shared.web.origins import LOOPBACK_HOSTS

TIMEOUT = 5.0  # seconds, of each step
LONGEST = 15.0  # seconds, for a stranger who sends a byte now and then
LONGEST_SAID = 200  # characters of what a stranger says
SOON = dt.timedelta(days=14)  # before a certificate expires
SUBJECT, PROXIES = "public URL", "proxies"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the gateway says of a request that came by the public URL."""

    peer: str
    is_trusted: bool
    forwarded_for: str
    host: str


@looks_at(SUBJECT)
async def examine_public_url(settings: GatewaySettings) -> list[Finding]:
    """Return what is found by the public URL."""
    return await asyncio.to_thread(lambda: list(_examine(settings)))


def _examine(settings: GatewaySettings) -> Iterator[Finding]:
    url = urlsplit(settings.nextauth_url)
    is_here = url.hostname in LOOPBACK_HOSTS
    connection = _connect(url.scheme, url.hostname or "", url.port)
    questions, question = build_questions(settings), ""
    question = questions.ask(int(time.time()))
    ended = threading.Timer(LONGEST, _hang_up, [connection])
    ended.start()
    try:
        connection.connect()
        expiry = _find_expiry(connection)
        connection.request("GET", ASKED_AT, headers={QUESTION_HEADER: question})
        answer = connection.getresponse()  # without its body, which a stranger may never end
    except ssl.SSLError as error:
        says = f"TLS fails at {settings.nextauth_url}: {_say(error)}"
        yield problem(SUBJECT, says, "give the proxy in front a valid certificate")
        return
    except (OSError, http.client.HTTPException) as error:
        yield from _explain_silence(settings.nextauth_url, error, is_here=is_here)
        return
    finally:
        ended.cancel()
        connection.close()
    told = answer.getheader(ANSWER_HEADER, "")
    signature = answer.getheader(SIGNATURE_HEADER, "")
    if not told or not secrets.compare_digest(questions.sign(question, told).encode(), signature.encode()):
        yield _explain_stranger(settings.nextauth_url, answer)
        return
    yield ok(SUBJECT, f"{settings.nextauth_url} leads to this gateway")
    if url.scheme == "https":
        yield _judge_certificate(expiry)
        yield _judge_hsts(answer)
    elif not is_here:
        yield warning(SUBJECT, "it is http: passwords and cookies can be read on the way", "put TLS in front")
    arrived = json.loads(told)
    arrival = Arrival(arrived["peer"], arrived["isTrusted"], arrived["forwardedFor"], arrived["host"])
    yield from _judge_arrival(arrival, settings, has_proxy=url.scheme == "https")


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT)


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _find_expiry(connection: http.client.HTTPConnection) -> dt.datetime | None:
    if not isinstance(connection.sock, ssl.SSLSocket):
        return None
    until = str((connection.sock.getpeercert() or {}).get("notAfter", ""))
    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(until), dt.UTC) if until else None


def _explain_silence(url: str, error: Exception, *, is_here: bool) -> Iterator[Finding]:
    if is_here:
        says = f"{url} can't be asked from inside a container, whose localhost is another"
        yield unknown(SUBJECT, f"{says} ({_say(error)})")
    elif isinstance(error, socket.gaierror):
        yield problem(SUBJECT, f"the name of {url} can't be looked up from here", "make a DNS record for it")
    else:
        says = f"{url} can't be reached from here: {_say(error)}"
        remedy = "start the proxy in front; where a network lets nothing out that comes back in, ask from outside"
        yield problem(SUBJECT, says, remedy)


def _explain_stranger(url: str, answer: http.client.HTTPResponse) -> Finding:
    server = answer.getheader("Server", "something that does not say what it is")
    says = f"{url} is answered with {answer.status} by {server[:LONGEST_SAID]}, and not by this gateway"
    return problem(SUBJECT, says, "correct NEXTAUTH_URL, or let the proxy in front pass on all paths and all headers")


def _judge_certificate(expiry: dt.datetime | None) -> Finding:
    if expiry is None:
        return unknown(SUBJECT, "the certificate does not say until when it is valid")
    if expiry - dt.datetime.now(dt.UTC) < SOON:
        return warning(SUBJECT, f"its certificate expires on {expiry:%Y-%m-%d}", "see why it was not renewed yet")
    return ok(SUBJECT, f"its certificate is valid until {expiry:%Y-%m-%d}")


def _judge_hsts(answer: http.client.HTTPResponse) -> Finding:
    if answer.getheader("Strict-Transport-Security"):
        return ok(SUBJECT, "browsers are told to use https alone (Strict-Transport-Security)")
    says = "Strict-Transport-Security does not arrive, which the gateway sends"
    return warning(SUBJECT, says, "let the proxy in front keep the headers of answers")


def _judge_arrival(arrival: Arrival, settings: GatewaySettings, *, has_proxy: bool) -> Iterator[Finding]:
    if arrival.host.lower().encode() not in settings.hosts:
        says = f"the host that arrives is {arrival.host}, which is not served"
        yield problem(PROXIES, says, "let the proxy in front keep Host, or add it to GATEWAY_HOSTS")
    if arrival.forwarded_for and arrival.is_trusted:
        yield ok(PROXIES, f"requests come from {arrival.peer}, which is trusted, for {arrival.forwarded_for}")
    elif arrival.forwarded_for:
        says = f"X-Forwarded-For comes from {arrival.peer}, which is not trusted: all clients behind it count as one"
        yield problem(PROXIES, says, f"set TRUSTED_PROXIES={arrival.peer}")
    elif has_proxy:
        says = f"requests come from {arrival.peer} without X-Forwarded-For: all clients behind it count as one"
        yield warning(PROXIES, says, "let the proxy in front set it, and name the proxy in TRUSTED_PROXIES")
    else:
        yield ok(PROXIES, f"requests come from {arrival.peer} itself; there is no proxy in front")


def _say(error: Exception) -> str:
    reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return str(reason or str(error) or type(error).__name__)[:LONGEST_SAID]
