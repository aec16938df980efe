"""HTML pages: one environment for templates, one look, one content security policy.

A service's pages extend ``base.html`` of this package and stand in its own ``templates/`` folder. Everything that
a template prints is escaped; nothing here or there is marked safe. Pages work without any script, so the policy
forbids scripts altogether.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import jinja2
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
ASSETS = HERE / "assets"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)


def render_page(
    template: str,
    *,
    folder: Path | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Return a page made from a template of ``folder`` (or of this package), never cached unless ``headers`` say so."""
    text = _environment(folder).get_template(template).render(status=status, **context)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})


@functools.cache
def _environment(folder: Path | None) -> jinja2.Environment:
    folders = [HERE / "templates"] if folder is None else [folder, HERE / "templates"]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
