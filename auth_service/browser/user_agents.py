"""A ``User-Agent`` in a few words, such as "Firefox on Windows", so that people recognise their devices.

Pure. Browsers name others for historical reasons, so the order decides: one that names Chrome and Edge is Edge. The
result is only displayed; a client may call itself anything.
"""

import re

from shared.language.sentences import Sentence

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Whale", "Whale"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
UNKNOWN = Sentence("Unknown device")


def describe_device(user_agent: str) -> str:
    """Return the browser and the system, else the first product named, else that it is unknown."""
    browser = next((name for word, name in _BROWSERS if re.search(rf"\b{word}\w*/", user_agent)), None)
    system = next((name for word, name in _SYSTEMS if word in user_agent), None)
    if browser and system:
        return Sentence("{browser} on {system}", browser=browser, system=system)
    product = _PRODUCT.match(user_agent)
    return browser or (product[0] if product and product[0] != "Mozilla" else None) or system or UNKNOWN
