"""Templates in their reader's language: one way to load and fill them in, for pages and for letters.

Fixed texts stand in ``_``; sentences from the code go through ``translated``, moments through ``moment``. A name that
is not given is an error, rather than nothing.
"""

import functools
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2

from shared.language.translations import OURS, load_catalogue, say_moment, translate


class Templates:
    """The templates of some folders, the first that has one, in a language; HTML if ``escapes``, otherwise plain text.

    ``names`` and ``filters`` are there in every template; ``own`` are texts in an operator's words.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        language: str,
        *,
        escapes: bool,
        names: Mapping[str, object],
        filters: Mapping[str, Callable[..., object]],
        own: Mapping[str, str] = OURS,
    ) -> None:
        self._environment = jinja2.Environment(
            extensions=["jinja2.ext.i18n"],
            loader=jinja2.FileSystemLoader(folders),
            autoescape=escapes,  # noqa: S701 - not where it is plain text
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(language=language, **names)
        self._environment.filters.update(
            translated=functools.partial(translate, language=language, own=own),
            moment=functools.partial(say_moment, language=language),
            **filters,
        )
        catalogue = load_catalogue(language)
        # Added to an environment by InternationalizationExtension, which its type does not show.
        install = self._environment.install_gettext_callables  # type: ignore[attr-defined]
        # What gettext returns is taken for markup, like the rest of a template: an operator's words are not.
        said = {ours: html.escape(text) if escapes else text for ours, text in own.items()}
        install(lambda text: said.get(text) or catalogue.gettext(text), catalogue.ngettext, newstyle=True)

    def render(self, template: str, shown: Mapping[str, object]) -> str:
        """Return a template, filled in."""
        return self._environment.get_template(template).render(shown)

    def render_block(self, template: str, block: str, shown: Mapping[str, object]) -> str:
        """Return one block of a template, filled in."""
        found = self._environment.get_template(template)
        return "".join(found.blocks[block](found.new_context(dict(shown))))
