"""The folder with an operator's own look and words: what it says, and that nothing half-right is taken."""

import re
from pathlib import Path

import pytest

from shared.web.brand_table import Link
from shared.web.branding import LONGEST_FILE, PLAIN, BrandingRefused, load_branding
from tests.support.house import ROOT

PNG = b"\x89PNG\r\n\x1a\n-"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
TABLE = """
name = "Acme"
first_page = "/reports"

[[link]]
to = "/reports?by=day"
label = { en = "Reports", ko = "보고서" }
signed_in = true

[[link]]
to = "https://wiki.example.com/start"
label = "Wiki"
"""


def write(folder: Path, **files: bytes | str) -> Path:
    """Write files into a folder, ``brand_toml`` for ``brand.toml``, and return it."""
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def read_fault(folder: Path) -> str:
    """Return how a folder is refused: one line."""
    with pytest.raises(BrandingRefused) as fault:
        load_branding(folder)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_without_a_folder_the_pages_are_as_they_are() -> None:
    """No folder, and an empty one, change nothing."""
    assert load_branding(None) is PLAIN
    assert (PLAIN.name, PLAIN.first_page, PLAIN.links, PLAIN.style, PLAIN.logo) == ("Gatepost", None, None, None, None)


def test_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    """Everything in the folder may be left out."""
    branding = load_branding(tmp_path)
    assert (branding.name, branding.links, branding.files, branding.texts) == ("Gatepost", None, {}, {})


def test_all_of_it_is_read(tmp_path: Path) -> None:
    """The folder gives the name, the first page, the links, the files that browsers load, and texts."""
    texts = 'msgid "Sign in"\nmsgstr "Log in"\n\nmsgid "Sign out"\nmsgstr ""\n'
    write(tmp_path, brand_toml=TABLE, style_css="a {}", logo_svg=SVG, favicon_ico=b"\0\0\1\0-", en_po=texts)
    branding = load_branding(tmp_path)
    assert (branding.name, branding.first_page) == ("Acme", "/reports")
    assert branding.links == (
        Link("/reports?by=day", {"en": "Reports", "ko": "보고서"}, signed_in=True),
        Link("https://wiki.example.com/start", {"en": "Wiki", "ko": "Wiki"}, signed_in=False),
    )
    assert branding.texts == {"en": {"Sign in": "Log in"}}
    assert branding.style is not None
    assert branding.logo is not None
    assert (branding.style.media_type, branding.logo.media_type) == ("text/css; charset=utf-8", "image/svg+xml")
    assert branding.style.url == f"/_gatepost/assets/brand/style.css?v={branding.style.version}"
    assert branding.icon is not None


def test_links_can_be_none_at_all(tmp_path: Path) -> None:
    """An empty list is another thing than none: then there are no links in the head."""
    assert load_branding(write(tmp_path, brand_toml="link = []")).links == ()


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    """What begins with a dot is the file system's: Kubernetes mounts a ConfigMap with ``..data``."""
    (tmp_path / "..data").mkdir()
    assert load_branding(write(tmp_path, brand_toml='name = "Acme"')).name == "Acme"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ('nmae = "Acme"', "line 1: nmae: unknown word"),
        ('name = ""', "line 1: name: must be one line of 60 characters at most"),
        ('name = "A\\nB"', "line 1: name: must be one line of 60 characters at most"),
        ("name = 3", "line 1: name: must be a text"),
        ("name =", "line 1: Invalid value"),
        ('first_page = "reports"', "line 1: first_page: must be a path such as /reports"),
        ('first_page = "//evil.example"', "line 1: first_page: must be a path such as /reports"),
        ('first_page = "/\\\\evil.example"', "line 1: first_page: must be a path such as /reports"),
        ('link = "/reports"', "line 1: link: must be tables, [[link]]"),
        ('\n[[link]]\nto = "/x"', "line 2: label: is missing"),
        ('[[link]]\nto = "javascript:alert(1)"\nlabel = "x"', "line 2: to: must be a path such as /reports, or a URL"),
        ('[[link]]\nto = "//evil.example"\nlabel = "x"', "line 2: to: must be a path such as /reports, or a URL"),
        (
            '[[link]]\nto = "/x"\nlabel = {ko = "x"}',
            "line 3: label: must be a text, or one for each of",
        ),
        (
            '[[link]]\nto = "/x"\nlabel = {en = "x", de = "y"}',
            "line 3: label: must be a text, or one for each of",
        ),
        ('[[link]]\nto = "/x"\nlabel = "x"\nsigned_in = "yes"', "line 4: signed_in: must be true or false"),
        ('[[link]]\nto = "/x"\nlabel = "x"\n' * 13, "line 1: link: "),
    ],
)
def test_a_table_that_can_not_be_used_is_named_by_its_line(tmp_path: Path, table: str, reason: str) -> None:
    """What is wrong with brand.toml is said in one sentence, with the line and the word."""
    fault = read_fault(write(tmp_path, brand_toml=table))
    assert fault.startswith(f"names a folder that can't be used: brand.toml: {reason}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("brand.toml", b"\xff", "is not UTF-8"),
        (
            "styles.css",
            b"",
            "is not known here; known are brand.toml, en.po, favicon.ico, ko.po",
        ),
        ("logo.jpg", b"", "is not known here"),
        ("style.css", b"\xff", "is not text/css"),
        ("logo.png", SVG, "is not image/png"),
        ("logo.svg", PNG, "is not image/svg+xml"),
        ("favicon.ico", PNG, "is not image/x-icon"),
        ("style.css", b" " * (LONGEST_FILE + 1), "has more than 262144 bytes"),
        ("en.po", b'msgid "Sign in"\nmsgstr Log in', "line 2: is no line of a gettext catalogue"),
        ("en.po", b'msgid "Sing in"\nmsgstr "Log in"', "'Sing in' is no text of this release"),
    ],
)
def test_a_file_that_can_not_be_used_is_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """A file that is unknown, of another kind or too long stops the start; none is left out without a word."""
    (tmp_path / name).write_bytes(content)
    assert read_fault(tmp_path).startswith(f"names a folder that can't be used: {name}: {reason}")


def test_there_is_one_logo(tmp_path: Path) -> None:
    """Of two logos neither is guessed."""
    assert "logo.png: is there beside logo.svg" in read_fault(write(tmp_path, logo_svg=SVG, logo_png=PNG))


def test_there_is_a_folder(tmp_path: Path) -> None:
    """A folder that is not there, or is none, is refused."""
    assert read_fault(tmp_path / "nowhere") == "names a folder that can't be read"
    (tmp_path / "logo.svg").mkdir()
    assert read_fault(tmp_path).endswith("logo.svg: can't be read")


def test_the_samples_of_the_page_can_be_used(tmp_path: Path) -> None:
    """What docs/branding.md shows is a folder that is taken."""
    page = (ROOT / "docs" / "branding.md").read_text()
    for kind, name in (("toml", "brand.toml"), ("po", "en.po")):
        (sample,) = re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)
        (tmp_path / name).write_text(sample)
    branding = load_branding(tmp_path)
    assert (branding.name, len(branding.links or ()), len(branding.texts["en"])) == ("Acme", 2, 2)
