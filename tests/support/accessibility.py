"""axe-core, which judges a page in a browser as users with a screen reader or weak eyes would experience it."""

import functools
from pathlib import Path

from playwright.async_api import Page

from tests.support.node import install_packages

FOLDER = Path(__file__).parents[1] / "accessibility"
SOURCE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
        `${id}: ${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ")}`));
}"""


@functools.cache
def _read_axe() -> str:
    install_packages(FOLDER)
    return SOURCE.read_text()


async def list_violations(page: Page) -> list[str]:
    """Return what axe finds on the page as it is now; injected by the debugger, which no policy of ours blocks."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_read_axe())
    found: list[str] = await page.evaluate(RUN)
    return found
