"""HTML pages: one environment for templates, one look, one content security policy.

A service's pages extend ``base.html`` of this package and stand in its own ``templates/`` folder. Everything that
a template prints is escaped; nothing here or there is marked safe. Pages work without any script, so the policy
forbids scripts altogether. A page is in the language that its reader asks for: fixed texts through ``_``, sentences
from the code through ``translated``, moments through ``moment``.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import jinja2
from starlette.responses import HTMLResponse
from starlette.types import Scope

from shared.languages import choose_language
from shared.sentences import load_catalogue, say_moment, translate

HERE = Path(__file__).parent
ASSETS = HERE / "assets"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)


def render_page(
    scope: Scope,
    template: str,
    *,
    folder: Path | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Return a page made from a template of ``folder`` (or of this package), never cached unless ``headers`` say so."""
    language = read_language(scope)
    text = _environment(folder, language).get_template(template).render(status=status, **context)
    about = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(text, status_code=status, headers={**about, **(headers or {})})


def read_language(scope: Scope) -> str:
    """Return the language that a request's page is to be in."""
    return choose_language(", ".join(v.decode("latin-1") for name, v in scope["headers"] if name == b"accept-language"))


@functools.cache
def _environment(folder: Path | None, language: str) -> jinja2.Environment:
    folders = [HERE / "templates"] if folder is None else [folder, HERE / "templates"]
    environment = jinja2.Environment(
        extensions=["jinja2.ext.i18n"],
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    catalogue = load_catalogue(language)
    environment.globals.update(language=language)
    environment.filters.update(
        translated=functools.partial(translate, language=language),
        moment=functools.partial(say_moment, language=language),
    )
    # What InternationalizationExtension adds to an environment; its type does not tell.
    install = environment.install_gettext_callables  # type: ignore[attr-defined]
    install(catalogue.gettext, catalogue.ngettext, newstyle=True)
    return environment
