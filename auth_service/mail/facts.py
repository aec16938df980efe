"""What a letter shows of its facts. Pure.

Somebody else may have chosen a fact, to have us send an advertisement or a link to a third person. So a letter shows

1. a name, or what a program calls itself, only if it is made of letters, blanks, hyphens and apostrophes and is not
   long: nothing in it that a mail program would make a link of, and nothing that is invisible or turns a text around.
   Any other is left out;
2. an IP address that is one, and a code that is one;
3. a link that leads to this site.
"""

import ipaddress
import unicodedata
from collections.abc import Mapping

from auth_service.browser.user_agents import UNKNOWN
from auth_service.mail.codes import read_code, show_code
from shared.language.sentences import Sentence
from shared.language.translations import translate

LONGEST_NAME = 40  # characters
_LETTERS = {"Lu", "Ll", "Lt", "Lo", "Mn", "Mc"}  # general categories; modifier letters look like colons
_BETWEEN = {" ", "-", "'", "\u2019"}
_ON = " on "  # of ``describe_device``


def read_facts(facts: Mapping[str, str], site: str, language: str) -> dict[str, str | None]:
    """Return what a template is given of a letter's facts; ValueError where it must not be sent."""
    shown = {
        "name": show_name(facts.get("name", "")) or None,
        "device": show_device(facts["device"], language) if "device" in facts else None,
        "address": show_address(facts.get("address", "")),
        "provider": show_name(facts.get("provider", "")) or None,
        "providers": ", ".join(filter(None, map(show_name, facts.get("providers", "").splitlines()))) or None,
    }
    if "code" in facts:
        shown["code"] = _check_code(facts["code"])
    if "url" in facts:
        shown["url"] = _check_link(facts["url"], site)
    return shown


def show_name(name: str) -> str:
    """Return a name as letters show it, which is empty where they leave it out."""
    shown = unicodedata.normalize("NFC", " ".join(name.split()))
    is_shown = len(shown) <= LONGEST_NAME and all(map(_is_harmless, shown))
    return shown if is_shown and any(unicodedata.category(each).startswith("L") for each in shown) else ""


def show_device(device: str, language: str) -> str:
    """Return a device, as ``describe_device`` said it in English, in a language."""
    browser, on, system = device.partition(_ON)
    names = [show_name(each) for each in ((browser, system) if on else (device,))]
    if not all(names):
        return translate(UNKNOWN, language)
    if not on:
        return translate(names[0], language)
    return translate(Sentence("{browser} on {system}", browser=names[0], system=names[1]), language)


def show_address(address: str) -> str | None:
    """Return an IP address, or None when it isn't one."""
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


def _is_harmless(character: str) -> bool:
    return character in _BETWEEN or unicodedata.category(character) in _LETTERS


def _check_code(code: str) -> str:
    known = read_code(code)
    if known is None:
        raise ValueError("a letter's code is none")
    return show_code(known)


def _check_link(url: str, site: str) -> str:
    rest = url.removeprefix(f"{site}/")
    if rest == url or not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        raise ValueError("a letter's link leads elsewhere")
    return url
