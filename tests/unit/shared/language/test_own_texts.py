"""Texts in an operator's words: for texts that there are, with values that there are, and never as markup."""

import jinja2
import pytest

from shared.language.own_texts import TextsRefused, read_own_texts
from shared.language.sentences import Sentence
from shared.language.templates import Templates
from shared.language.translations import list_known_texts, translate


def catalogue(ours: str, own: str) -> bytes:
    """Return a catalogue with one text."""
    return f'msgid "{ours}"\nmsgstr "{own}"\n'.encode()


@pytest.mark.parametrize(
    ("ours", "own"),
    [
        ("Sign in", "Log in"),
        ("Sign in", "<b>Yours</b> {really}"),  # a text of templates in which nothing is filled in
        ("Sign in with %(name)s", "Use %(name)s"),
        ("Sign in with %(name)s", "Use the other one"),
        ("Try again in {count} minutes.", "Wait {count} min."),
        ("Try again in {count} minutes.", "Wait."),
    ],
)
def test_a_text_of_ours_in_other_words(ours: str, own: str) -> None:
    """A text may say what it likes, with the values of ours or without them."""
    assert read_own_texts(catalogue(ours, own)) == {ours: own}


@pytest.mark.parametrize(
    ("ours", "own"),
    [
        ("Sign out, please", "Log out"),
        ("Sign in with %(name)s", "Use %(nmae)s"),
        ("Sign in with %(name)s", "Use %s"),
        ("Sign in with %(name)s", "Use 100 % of it"),
        ("Sign in", "100 % yours"),
        ("Try again in {count} minutes.", "Wait {minutes}."),
        ("Try again in {count} minutes.", "Wait {count.__class__}."),
        ("Try again in {count} minutes.", "Wait {}."),
        ("Try again in {count} minutes.", "Wait {count."),
    ],
)
def test_what_could_not_be_filled_in_is_refused(ours: str, own: str) -> None:
    """A text that there is not, or a value that it has not, is found at the start and not on somebody's page."""
    with pytest.raises(TextsRefused):
        read_own_texts(catalogue(ours, own))


def test_no_catalogue() -> None:
    """A file that is no catalogue is refused, whatever it is."""
    for content in (b"\xff\xfe", b'msgid "Sign in', b'msgid "Sign in"\nmsgid_plural "x"\nmsgstr[0] "y"\n'):
        with pytest.raises(TextsRefused):
            read_own_texts(content)


def test_all_texts_are_known() -> None:
    """The texts that may be replaced are those of templates and those of the code."""
    assert {"Sign in", "Try again in {count} minutes.", "Skip to the content"} <= list_known_texts()


def test_sentences_of_the_code_are_replaced() -> None:
    """A sentence is looked up by its pattern; without a text of one's own it is translated as ever."""
    sentence = Sentence("Try again in {count} minutes.", count=3)
    assert translate(sentence, "en", {"Try again in {count} minutes.": "wait {count} min."}) == "Wait 3 min."
    assert translate(sentence, "en", {"Sign in": "Log in"}) == "Try again in 3 minutes."


def test_a_text_is_never_markup() -> None:
    """What would be a tag, or end an attribute, is escaped where it gets into a page, and not in plain text."""
    own = {"Sign in": 'Log <b title="x">in</b>', "Sign in with %(name)s": "<i>%(name)s</i>"}
    text = '<a title="{{ _("Sign in") }}">{{ _("Sign in with %(name)s", name="<u>") }}</a>{{ "Sign in"|translated }}'
    for escapes in (True, False):
        templates = Templates([], "en", escapes=escapes, names={}, filters={}, own=own)
        templates._environment.loader = jinja2.DictLoader({"page": text})  # noqa: SLF001 - no file is needed
        page = templates.render("page", {})
        assert page.count("<b") == (0 if escapes else 2)
        assert ("<i>" in page, "<u>" in page) == ((False, False) if escapes else (True, True))
    assert "Log" in page
