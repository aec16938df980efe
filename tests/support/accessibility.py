"""axe-core, which judges a page in a browser as users with a screen reader or weak eyes would experience it."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from playwright.async_api import Page, ViewportSize

from tests.support.node import install_packages

Looks: TypeAlias = Sequence[tuple[ViewportSize, Literal["dark", "light"]]]

DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=640)
LOOKS: Mapping[str, Looks] = {
    "en-GB": ((DESKTOP, "light"), (PHONE, "dark")),
    "ko-KR": ((DESKTOP, "dark"), (PHONE, "light")),
}
"""At which sizes and in which colours a page is looked at in each language: any two of the three meet."""

FOLDER = Path(__file__).parents[1] / "accessibility"
SOURCE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
LAYOUT = """() => {
    const inner = (element) => {
        const { left, right } = element.getBoundingClientRect(), style = getComputedStyle(element);
        return [left + parseFloat(style.paddingLeft), right - parseFloat(style.paddingRight)];
    };
    const rows = (selector) => new Set([...document.querySelectorAll(selector)].map((link) => {
        const { top, height } = link.getBoundingClientRect();
        return Math.round(top + height / 2);
    })).size;
    return {
        sideways: document.documentElement.scrollWidth - innerWidth,
        columns: [...document.querySelectorAll(".column")].map(inner),
        headRows: rows("nav a"),
        placeRows: rows(".places a"),
    };
}"""

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
    """Return what axe finds on the page once it is loaded; injected by the debugger, which no policy of ours blocks."""
    await page.wait_for_load_state()  # where a click leads to may only have begun to arrive
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_read_axe())
    found: list[str] = await page.evaluate(RUN)
    return found


async def check_looks(page: Page, looks: Looks) -> None:
    """Check that a page has no fault that axe knows, no sideways scroll, a head of one row, and one column throughout.

    So it must be at each size and in each colour.
    """
    for size, scheme in looks:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        layout = await page.evaluate(LAYOUT)
        assert layout["sideways"] <= 0
        assert (layout["headRows"], layout["placeRows"]) in {(1, 0), (1, 1)}
        assert len({tuple(map(round, column)) for column in layout["columns"]}) == 1
        assert await list_violations(page) == []
