"""Ways in which a server may read a path: each as some server does it, written for its own sake, to be combined."""

import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes, urlparse, urlsplit

Reader = Callable[[str], str]


def _decode_but_slash(path: str) -> str:
    """As Tomcat with ``encodedSolidusHandling="passthrough"``, and as frameworks that split before they decode."""
    return "/".join(unquote(each) for each in re.split("/", path.replace("%2f", "%2F").replace("%2F", "%252F")))


def _drop_all_parameters(path: str) -> str:
    """As servlets do."""
    return "/".join(segment.partition(";")[0] for segment in path.split("/"))


def _normalise(path: str) -> str:
    """As servers that resolve dots and merge slashes, and keep the slash at the end."""
    found = re.sub("^//", "/", posixpath.normpath(path))
    return f"{found}/" if path.endswith("/") and found != "/" else found


READERS: dict[str, Reader] = {
    "decodes nothing": str,
    "decodes once": unquote,
    "decodes twice": lambda path: unquote(unquote(path)),
    "decodes bytes": lambda path: unquote_to_bytes(path).decode("utf-8", "replace"),
    "decodes all but slashes": _decode_but_slash,
    "decodes slashes alone": lambda path: re.sub("%2f", "/", path, flags=re.IGNORECASE),
    "cuts a query": lambda path: path.split("?", 1)[0],
    "cuts a fragment": lambda path: path.split("#", 1)[0],
    "takes it for a URL": lambda path: urlsplit(f"http://host{path}").path,
    "takes it for a URL with parameters": lambda path: urlparse(f"http://host{path}").path,
    "cuts at a semicolon": lambda path: path.split(";", 1)[0],
    "drops all parameters": _drop_all_parameters,
    "merges slashes": lambda path: re.sub("//+", "/", path),
    "normalises": _normalise,
    "ignores a slash at the end": lambda path: path.removesuffix("/") or "/",
    "ignores a bad percent": lambda path: re.sub("%(?![0-9a-fA-F]{2})", "", path),
}
