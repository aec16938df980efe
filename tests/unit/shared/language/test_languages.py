"""The language of a page: the browser's preference decides, and every text has a translation."""

import calendar
import datetime as dt
import io
import re
from pathlib import Path

import jinja2
import pytest
from babel.core import get_global
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from deploy.messages import TEMPLATES, list_texts, list_unmarked_formats, update_catalogue
from shared.errors import NotFound
from shared.language.languages import LANGUAGES, LOCALES, choose_language
from shared.language.sentences import Sentence
from shared.language.translations import CATALOGUES, say_moment, translate
from shared.web.error_responses import render_error

TEXT = (CATALOGUES / "ko.po").read_text()
EACH = pytest.mark.parametrize("path", sorted(CATALOGUES.glob("*.po")), ids=lambda path: path.stem)
ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
PLACEHOLDER = re.compile(r"%\(\w+\)s|(?<!\$)\{\w+\}")
WORD = re.compile(r"[A-Za-z]{2,}")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("KO-kr", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-GB,en;q=0.9,ko;q=0.8", "en"),
        ("en;q=0.5, ko ;q=0.8", "ko"),
        ("ko;q=0.5, en;q=0.5", "ko"),
        ("qaa, qab;q=0.9", "en"),  # for private use (ISO 639-2): nobody will translate into these
        ("qaa, ko;q=0.1", "ko"),
        ("*", "en"),
        ("ko, *", "ko"),
        ("ko;q=0.5, *;q=0.8", "en"),
        ("en;q=0, *", "ko"),
        ("ko;q=0", "en"),
        ("kok", "en"),
        ("ko;q=2", "en"),
        ("ko;q=x, en", "en"),
        (",, ,ko", "ko"),
    ],
)
def test_the_best_language_wins(header: str, language: str) -> None:
    """The highest quality decides, then the order; a region does not matter; English if nothing matches."""
    assert choose_language(header) == language


@given(st.text() | st.text("enko-*;q=01., "))
def test_any_header_ends_in_a_language(header: str) -> None:
    """Whatever a client sends, the result is one of the supported languages."""
    assert choose_language(header) in LANGUAGES


def test_each_language_has_its_catalogue() -> None:
    """There is a catalogue for each language except English, and no other."""
    assert {path.stem for path in CATALOGUES.glob("*.po")} == set(LANGUAGES) - {"en"}


@EACH
def test_every_text_has_a_translation_and_every_translation_a_text(path: Path) -> None:
    """All texts of templates and all sentences of the code are in a catalogue, translated, and nothing else is."""
    messages = read_messages(path)
    assert {message.id for message in messages} == set(list_texts())
    assert [message.id for message in messages if not message.string or message.fuzzy] == []
    assert update_catalogue(path.read_text(), list_texts()) == path.read_text()  # as ``make messages`` writes it


def read_messages(path: Path) -> list[Message]:
    """Return the messages of a catalogue, without its header."""
    return [message for message in read_po(io.StringIO(path.read_text())) if message.id]


def test_a_new_text_is_added_and_one_that_is_gone_taken_out() -> None:
    """The updated catalogue has the new texts, untranslated unless they were translated, and keeps its header."""
    texts = ["Sign in", "Welcome to {place}"]
    updated = update_catalogue(TEXT, texts)
    assert {message.id: message.string for message in read_po(io.StringIO(updated)) if message.id} == {
        "Sign in": "로그인",
        "Welcome to {place}": "",
    }
    assert updated.partition("\n\n")[0] == TEXT.partition("\n\n")[0]
    assert update_catalogue(updated, texts) == updated


@EACH
def test_placeholders_agree(path: Path) -> None:
    """A translation has exactly the placeholders of its text."""
    found = [(PLACEHOLDER.findall(message.id), PLACEHOLDER.findall(message.string)) for message in read_messages(path)]
    assert any(of_text for of_text, _ in found)
    assert [pair for pair in found if sorted(pair[0]) != sorted(pair[1])] == []


def test_sentences_are_put_together_where_they_can_be_translated() -> None:
    """No error is raised with a text that was formatted on the spot."""
    assert list_unmarked_formats() == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_text_of_their_own(template: object) -> None:
    """Between a template's tags no word is outside ``_``, except the product's name, code and standards."""
    tokens = ENVIRONMENT.lex(template.read_text())  # type: ignore[attr-defined]
    source = "".join(value for _, kind, value in tokens if kind == "data")
    visible = re.sub(r"<(pre|code)>.*?</\1>|<[^>]*>|&\w+;", " ", source, flags=re.DOTALL)
    left = set(WORD.findall(re.sub(r"<[^>]*|[^<>]*>", " ", visible)))
    assert left <= {"Gatepost", "OpenAPI", "openapi", "json"}


def test_a_sentence_is_english_and_knows_its_pattern() -> None:
    """A sentence is its English text for JSON and logs, and is translated with its values filled in."""
    sentence = Sentence("must be at least {least} characters", least=8)
    assert sentence == "must be at least 8 characters"
    assert translate(sentence, "en") == "Must be at least 8 characters"
    assert translate(sentence, "ko") == "8자 이상이어야 해요"


@given(st.text(), st.sampled_from(LANGUAGES))
def test_unknown_texts_stay_as_they_are(text: str, language: str) -> None:
    """A text in no catalogue is shown unchanged except for an initial capital, including braces and percent signs."""
    assert translate("\0" + text, language) == "\0" + text
    assert translate("", language) == ""


def test_moments_are_written_as_people_write_them() -> None:
    """A moment is in UTC, in the language's order and words; the page says once that it is UTC."""
    moment = dt.datetime(2026, 11, 4, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    assert say_moment(moment, "en") == "3 November 2026, 16:05"
    assert say_moment(moment, "ko") == "2026년 11월 3일 16:05"


def test_every_month_is_written_in_full() -> None:
    """English months are written in full, Korean ones as numbers; midnight is 00:00."""
    moments = [dt.datetime(2026, month, 28, tzinfo=dt.UTC) for month in range(1, 13)]
    assert [say_moment(moment, "en") for moment in moments] == [
        f"28 {name} 2026, 00:00" for name in calendar.month_name[1:]
    ]
    assert [say_moment(moment, "ko") for moment in moments] == [
        f"2026년 {month}월 28일 00:00" for month in range(1, 13)
    ]


def test_an_image_keeps_what_the_languages_need() -> None:
    """Images are built without Babel's data for other languages, and with all of it for the supported ones."""
    kept = re.findall(r"-name (\w+)\.dat", (Path(__file__).parents[4] / "Dockerfile").read_text())
    assert set(kept) == {each for locale in LOCALES.values() for each in list_ancestors(locale)}


def list_ancestors(locale: str) -> list[str]:
    """Return a locale and those that it inherits data from (CLDR's inheritance)."""
    if locale == "root":
        return [locale]
    above = get_global("parent_exceptions").get(locale) or (locale.rpartition("_")[0] or "root")
    return [locale, *list_ancestors(above)]


@pytest.mark.parametrize(
    ("header", "language", "words"), [("ko", "ko", "찾을 수 없는 페이지예요"), ("qaa", "en", "Page not found")]
)
def test_pages_say_their_language(header: str, language: str, words: str) -> None:
    """A page states its language in ``<html lang>`` and ``Content-Language``, and ``Vary`` covers it."""
    accepts = [(b"accept", b"text/html"), (b"accept-language", header.encode())]
    scope: Scope = {"type": "http", "path": "/x", "headers": accepts}
    page = render_error(scope, NotFound())
    assert page.headers["content-language"] == language
    assert page.headers["vary"] == "Accept-Language"
    assert f'<html lang="{language}">' in bytes(page.body).decode()
    assert words in bytes(page.body).decode()


def test_json_stays_english() -> None:
    """An error for a program is the same sentence whatever the language."""
    scope: Scope = {"type": "http", "path": "/api/posts", "headers": [(b"accept-language", b"ko")]}
    assert bytes(render_error(scope, NotFound()).body) == b'{"error":"There is nothing here"}'
