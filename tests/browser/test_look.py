"""How it looks: every text can be read on both themes, and nothing is wider than a narrow page."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import LAB

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

LOAD = "%load_ext pplx_jupyter"
CONTRAST = 4.5
"""What WCAG 2.2 asks of text at level AA."""

# Colours are drawn rather than parsed: a browser names them in many ways (rgba, color-mix, oklab).
TEXTS = """
area => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })
  const luminance = ([r, g, b]) => [r, g, b]
    .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0)
  const mixed = colours => {
    context.clearRect(0, 0, 1, 1)
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1) }
    return luminance(context.getImageData(0, 0, 1, 1).data)
  }
  const found = []
  for (const root of area.querySelectorAll(".pplx")) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const node = walker.currentNode.parentElement
      const shown = node.checkVisibility() && parseFloat(getComputedStyle(node).fontSize) > 0
      if (!walker.currentNode.data.trim() || !shown || node.closest("style, mjx-container")) continue
      const behind = []
      for (let at = node; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor)
      const ground = mixed(behind), ink = mixed([...behind, getComputedStyle(node).color])
      const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05)
      found.push([Math.round(ratio * 100) / 100, walker.currentNode.data.trim().slice(0, 60)])
    }
  }
  return found
}
"""


def question(more: str) -> str:
    shapes = "shape:table shape:unresolved shape:code shape:list"
    return f"%%pplx_research tea\nWhat is tea? {secrets.token_hex(4)} {shapes} {more}"


def texts(page: Any, number: int) -> list[tuple[float, str]]:
    """Give the contrast of every visible text of ours in a cell, and the text."""
    area = page.cell(number).locator(".jp-OutputArea").first
    return [(ratio, text) for ratio, text in area.evaluate(TEXTS)]


def faint(page: Any, number: int) -> list[tuple[float, str]]:
    return sorted(pair for pair in texts(page, number) if pair[0] < CONTRAST)


@LAB
@pytest.mark.parametrize("theme", ["dark", "light"])  # the last is what the tests behind it find
def test_every_text_can_be_read(book: Any, sim: Simulator, theme: str) -> None:
    page = book(LOAD, question("seconds:6000"), question("seconds:30 outcome:failed"))
    page.command("apputils:change-theme", theme=f"JupyterLab {theme.title()}")
    light = str(theme == "light").lower()
    page.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
    page.run(0)
    page.run(1)
    page.says(1, "Running", seconds=30)
    page.shot(f"{theme}-panel", 1)
    assert len(texts(page, 1)) >= 5
    assert not faint(page, 1)
    page.click(1, "Cancel")
    page.says(1, "Cancel this job?")
    page.shot(f"{theme}-sure", 1)
    assert not faint(page, 1)
    page.run(2)
    page.says(2, "Failed after")
    page.shot(f"{theme}-failure", 2)
    assert not faint(page, 2)
    sim.advance(6000)
    page.says(1, "Sources")
    page.shot(f"{theme}-answer", 1)
    assert len(texts(page, 1)) >= 50
    assert not faint(page, 1)


_TOO_WIDE = """
area => [...area.querySelectorAll(".pplx *, button")].filter(node => node.checkVisibility()
    && !node.closest("table, pre, mjx-container, .pplx-x")
    && node.getBoundingClientRect().right > area.getBoundingClientRect().right + 1
  ).map(node => node.outerHTML.slice(0, 80))
"""


@pytest.mark.parametrize("frontend", ["notebook"], indirect=True)
def test_a_narrow_page_cuts_nothing_off(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question("seconds:6000"), width=420)
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    page.shot("narrow-panel", 1)
    area = page.cell(1).locator(".jp-OutputArea").first
    assert not area.evaluate(_TOO_WIDE)
    sim.advance(6000)
    page.says(1, "Sources")
    page.shot("narrow-answer", 1)
    assert not area.evaluate(_TOO_WIDE)
