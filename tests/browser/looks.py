"""What every page must keep whoever looks at it: names for controls, one heading, enough contrast, a visible focus."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_FINDINGS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8").partition("\n")[2]
_FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  return [e.outerHTML.slice(0, 80), ring];
}"""


async def findings(page: Page) -> list[str]:
    """What is wrong with the page as it looks now."""
    found: list[str] = await page.evaluate(_FINDINGS)
    return found


async def unseen_focus(page: Page, steps: int = 12) -> list[str]:
    """Controls that the tabulator reaches and that do not show it."""
    unseen = []
    for _ in range(steps):
        await page.keyboard.press("Tab")
        told: Any = await page.evaluate(_FOCUS)
        if told is not None and not told[1]:
            unseen.append(told[0])
    return unseen
