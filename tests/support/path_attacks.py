"""Path confusions: every way in the lists to write a protected path so that two readers disagree about it."""

from collections.abc import Iterator

from tests.support.attacks import Attack, read_list, request_for

AIMS = [
    ("GET", "/userposts"),
    ("GET", "/userposts/1"),
    ("GET", "/api/user/1"),
    ("POST", "/api/posts"),
    ("DELETE", "/api/posts/1"),
]
METHODS = ["get", "Get", "HEAD", "head", "OPTIONS", "TRACE", "CONNECT", "PURGE", "PROPFIND", "GETX", "G\x00ET", "Q", ""]


def insert_everywhere() -> Iterator[Attack]:
    """Give each insertion before, inside and after each protected path."""
    for junk in read_list("insertions.txt"):
        for method, path in AIMS:
            for target in dict.fromkeys(_places(path, junk)):
                yield Attack(f"{method} {target!r}", request_for(method, target))


def _places(path: str, junk: str) -> Iterator[str]:
    yield from (junk + path, "/" + junk + path, "/" + junk + path[1:], "/x" + junk + path, "/signup" + junk + path)
    for at in (index for index, sign in enumerate(path) if sign == "/"):
        yield path[: at + 1] + junk + path[at + 1 :]
        yield path[:at] + junk + path[at + 1 :]
    yield from (path[:3] + junk + path[3:], path[:-1] + junk + path[-1])
    yield from (path + junk, path + "/" + junk, path + junk + "/", path + junk + "x", path + junk + ".css")


def encode_each_character() -> Iterator[Attack]:
    """Give each protected path with each of its characters, and with all of them, in each encoding."""
    for method, path in AIMS:
        for at in range(len(path)):
            for written in _encodings(path[at]):
                target = path[:at] + written + path[at + 1 :]
                yield Attack(f"{method} {target!r}", request_for(method, target))
        for whole in zip(*(_encodings(sign) for sign in path), strict=True):
            for target in ("".join(whole), "/" + "".join(whole[1:])):
                yield Attack(f"{method} {target!r}", request_for(method, target))


def _encodings(sign: str) -> list[str]:
    """Return ways to write one ASCII character: those that some decoder reads as it."""
    code = ord(sign)
    once = f"%{code:02x}"
    return [
        *(once, f"%{code:02X}", once.replace("%", "%25"), once.replace("%", "%2525"), once.replace("%", "%%32%35")),
        *(f"%u00{code:02x}", f"%U00{code:02X}", f"%00{once}", f"{once}%00", f"\\u00{code:02x}", f"\\x{code:02x}"),
        *(f"%{0xC0 | code >> 6:02x}%{0x80 | code & 0x3F:02x}", f"%e0%{0x80 | code >> 6:02x}%{0x80 | code & 0x3F:02x}"),
        *(f"%f0%80%{0x80 | code >> 6:02x}%{0x80 | code & 0x3F:02x}", chr(0xC0 | code >> 6) + chr(0x80 | code & 0x3F)),
        *(
            "".join(f"%{byte:02x}" for byte in chr(0xFEE0 + code).encode()),
            chr(0xFEE0 + code).encode().decode("latin-1"),
        ),
        *(f"%fe%ff%00{once}", f"%ff%fe{once}%00", f"+AG{code:X}-", f"&#{code};", f"&#x{code:x};", f"=?{code:02X}?="),
        *(
            f"%{code | 0x80:02x}",
            chr(code | 0x80),
            sign.swapcase(),
            "\\" + sign,
            f"%5c{sign}",
            f"{sign}%cc%81",
            f"{sign}%08",
        ),
        *(
            f"%{code >> 4:x}",
            f"%{code:03x}",
            f"%x{code:02x}",
            f"0x{code:02x}",
            f"%0{code:02x}",
            f"%{code:02x}%",
            f"%25%{code:02x}",
        ),
    ]


def write_whole_targets() -> Iterator[Attack]:
    """Give the listed request targets, and each protected path asked for by an unusual method."""
    for template in read_list("targets.txt"):
        for method, path in AIMS:
            target = template.replace("{path}", path).replace("{tail}", path[1:])
            yield Attack(f"{method} {target!r}", request_for(method, target))
    for method in METHODS:
        for _, path in AIMS:
            yield Attack(f"{method!r} {path}", request_for(method, path))


FAMILIES = {
    "before, inside and after": insert_everywhere,
    "each character": encode_each_character,
    "whole targets": write_whole_targets,
}
