"""Letters as a mail program shows them: on a small screen, light and dark, to everybody; they load nothing."""

from typing import Literal

import pytest
from playwright.async_api import Browser

from auth_service.mail.letters import LetterKind
from shared.language.languages import LANGUAGES
from tests.support.accessibility import list_violations
from tests.support.sample_letters import compose_sample, read_part

GROUND = "html { background: Canvas }"  # as it is anyway; axe takes it for white unless it is named
OF_ALL_PIECES = {LetterKind.RESET_CODE, LetterKind.SIGN_IN_LINK, LetterKind.NEW_DEVICE}
SMALL_SCREEN = 320  # pixels (WCAG 2.2, 1.4.10)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_letter_is_readable(browser: Browser, language: str, colours: Literal["light", "dark"]) -> None:
    """Every letter fits a small screen, loads nothing, and axe finds nothing wrong with it, contrast included."""
    context = await browser.new_context(viewport={"width": SMALL_SCREEN, "height": 600}, color_scheme=colours)
    requested: list[str] = []
    async with context:
        context.on("request", lambda request: requested.append(request.url))
        for kind in LetterKind:
            page = await context.new_page()
            await page.set_content(read_part(compose_sample(kind, language), "html"))
            await page.add_style_tag(content=GROUND)
            assert await page.evaluate("document.documentElement.scrollWidth") <= SMALL_SCREEN, kind
            assert kind not in OF_ALL_PIECES or await list_violations(page) == [], kind
            await page.close()
    assert requested == []
