"""The answer on each tier that keeps it: just run, untrusted, without its stylesheet, elsewhere in the dark.

axe-core looks at each, in both themes; a person at the pictures in ``shots/``.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook, new_output

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.receipt import Failure
from pplx_jupyter.render import answer_forms, failure_forms, stylesheet
from tests.browser.conftest import LAB, SHOTS, Book
from tests.render.golden_answers import ANSWERS, RECEIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from pplx_jupyter.receipt import Receipt
    from tests.browser.conftest import Frontend

THEMES = ["dark", "light"]  # the last is what the tests behind it find
WIDE = """

| Market | January | February | March | April | May | June | July | August | September | October | November |
|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| Sweden | 66.1 | 61.9 | 41.2 | 38.8 | 31.0 | 22.4 | 18.9 | 27.3 | 33.8 | 41.0 | 55.2 |
| Italy | 125.3 | 121.0 | 109.9 | 99.2 | 96.7 | 102.1 | 110.8 | 108.3 | 104.5 | 112.9 | 118.0 |

```python
by_market = prices.assign(market=prices["zone"].map(ZONES)).groupby(["market", "year"])["price"].mean().unstack("year")
```
"""
SECTION = "## Part {n}: what sets the price\n\n" + "\n\n".join(
    "Gas sets the price in many hours of the year, and where it does, the market follows it[1]. " * 5 for _ in range(5)
)  # fmt: skip


def long_answer() -> Answer:
    """Give an answer of 5,000 words in eleven sections."""
    text = "It depends on the hour.\n\n" + "\n\n".join(SECTION.format(n=n) for n in range(1, 12))
    return Answer(
        text=text, sources=[Source(1, "https://www.power.example/eer", "European Electricity Review")]
    )


def bundles() -> list[dict[str, str]]:
    """Give answers that show all there is to show, each as a job of its own, and a failure."""
    report = ANSWERS["report"].answer
    answers = [
        dataclasses.replace(report, text=report.text + WIDE),
        ANSWERS["right to left"].answer,
        ANSWERS["tree of values"].answer,
    ]
    failure = failure_forms(Failure("failed", "Internal error"), RECEIPT)
    return [*(answer_forms(each, as_job(f"7f3a9{n}")) for n, each in enumerate(answers)), failure]


def as_job(ident: str) -> Receipt:
    return dataclasses.replace(RECEIPT, job_id=ident)


def output(forms: dict[str, str]) -> Any:
    return new_output("display_data", data=forms)


@pytest.fixture(scope="module")
def lab(frontend: Frontend, browser: Browser) -> Iterator[Book]:
    """Give a file from elsewhere that has the answers, a long one and a brief one; nothing in it was run yet."""
    saved = [
        new_code_cell("# from elsewhere", outputs=[output(each) for each in bundles()]),
        new_code_cell("# long", outputs=[output(answer_forms(long_answer(), as_job("7f3a9a")))]),
    ]
    (frontend.folder / "bundles.json").write_text(json.dumps(bundles()))
    long = [
        answer_forms(long_answer(), as_job("7f3a9b")),
        answer_forms(long_answer(), as_job("7f3a9c"), brief=True),
    ]
    (frontend.folder / "long.json").write_text(json.dumps(long))
    cells = [*saved, new_code_cell(SHOW.format("bundles.json")), new_code_cell(SHOW.format("long.json"))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": kernel}), frontend.folder / "tiers.ipynb"
    )
    page = Book(frontend, browser, [], name="tiers.ipynb")
    page.command("application:toggle-left-area")
    yield page
    page.command("kernelmenu:shutdown")
    page.close()


SHOW = """import json
from IPython.display import publish_display_data
for each in json.load(open("{}")):
    publish_display_data(each)"""
UNTRUSTED, UNTRUSTED_LONG, RUN, LONG = range(4)


def serious(page: Page, *, but: str = "") -> list[str]:
    """Give what axe-core finds in our outputs that keeps people from reading or using them."""
    found = Axe().run(page, context=[".pplx"]).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]}: {node['failureSummary'][:300]}"
        for each in found
        if each["impact"] in {"serious", "critical"} and each["id"] != but
        for node in each["nodes"]
    ]


def unfold(page: Page) -> None:
    page.evaluate("() => document.querySelectorAll('details').forEach(fold => { fold.open = true })")


def in_theme(lab: Book, theme: str) -> None:
    lab.command("apputils:change-theme", theme=f"JupyterLab {theme.title()}")
    lab.page.wait_for_selector(f"body[data-jp-theme-light={str(theme == 'light').lower()}]", state="attached")


def tab_through(lab: Book, number: int) -> list[str]:
    """Press Tab from the first link of a cell's first output on, and give what is reached."""
    lab.page.evaluate("() => document.querySelectorAll('details').forEach(fold => { fold.open = false })")
    first = lab.cell(number).locator(".pplx").first
    first.locator("sup a").first.focus()
    reached = []
    for _ in range(40):
        reached.append(
            first.evaluate(
                """root => { const at = document.activeElement
                  return !root.contains(at) ? "" : at.closest("sup") ? "chip " + at.textContent : at.localName + "." + at.className }"""
            )
        )
        lab.page.keyboard.press("Tab")
    return reached


@LAB
@pytest.mark.parametrize("theme", THEMES)
def test_untrusted(lab: Book, theme: str) -> None:
    in_theme(lab, theme)
    unfold(lab.page)
    lab.page.set_viewport_size({"width": 1000, "height": 4000})
    lab.cell(UNTRUSTED).screenshot(path=SHOTS / f"tier-untrusted-{theme}.png")
    assert not lab.page.locator(".pplx style").count(), "this is no untrusted page"
    # JupyterLab takes tabindex away; that what scrolls can be gone to all the same is tested below.
    assert not serious(lab.page, but="scrollable-region-focusable")


@LAB
def test_untrusted_by_keyboard_alone(lab: Book) -> None:
    lab.page.set_viewport_size({"width": 1000, "height": 1000})
    reached = tab_through(lab, UNTRUSTED)
    assert reached[:4] == ["chip [1]", "chip [4]", "chip [2]", "chip [2]"]
    assert {"div.pplx-x", "summary.pplx-m"} <= set(reached), reached


@LAB
@pytest.mark.parametrize("theme", THEMES)
def test_just_run(lab: Book, theme: str) -> None:
    in_theme(lab, theme)
    if not lab.page.locator(".pplx style").count():
        lab.run(RUN)
        lab.until(lambda: lab.cell(RUN).locator(".pplx").count() == len(bundles()), "all answers")
        lab.cell(UNTRUSTED).evaluate("cell => cell.querySelectorAll('.pplx').forEach(node => node.remove())")
    unfold(lab.page)
    lab.page.set_viewport_size({"width": 1000, "height": 4000})
    lab.cell(RUN).screenshot(path=SHOTS / f"tier-just-run-{theme}.png")
    assert not serious(lab.page)


@LAB
def test_by_keyboard_alone(lab: Book) -> None:
    lab.page.set_viewport_size({"width": 1000, "height": 1000})
    reached = tab_through(lab, RUN)
    assert reached[:4] == ["chip [1]", "chip [4]", "chip [2]", "chip [2]"]
    assert {"div.pplx-x", "pre.", "summary.pplx-m"} <= set(reached), reached
    fold = lab.cell(RUN).locator(".pplx").first.locator("details").first
    fold.locator("summary").focus()
    lab.page.keyboard.press("Tab")
    lab.page.keyboard.press("Shift+Tab")
    lab.page.screenshot(path=SHOTS / "tier-keyboard.png")
    lab.page.keyboard.press("Enter")
    assert fold.evaluate("fold => fold.open"), "Enter does not open a fold"


@LAB
def test_a_long_answer_is_a_good_neighbour(lab: Book) -> None:
    lab.page.set_viewport_size({"width": 1000, "height": 900})
    lab.run(LONG)
    long, brief = (lab.cell(LONG).locator(".pplx").nth(n) for n in range(2))
    for root in (long, lab.cell(UNTRUSTED_LONG).locator(".pplx").first):
        contents = root.locator("details", has_text="Contents (11 sections, 5,")
        contents.scroll_into_view_if_needed()
        contents.locator("summary").click()
        contents.locator("a").nth(6).click()
        heading = root.locator("h4", has_text="Part 7")
        lab.until(lambda: 0 <= top(heading) < 700, lambda: f"the seventh section to be shown: {top(heading)}")  # noqa: B023
    assert "tiers.ipynb" in lab.page.url
    box = brief.bounding_box()
    assert box is not None
    assert box["height"] < 900, "the brief form is long"
    brief.locator("summary", has_text="The rest: 11 sections").click()
    assert brief.locator("h4", has_text="Part 11").is_visible()


def top(node: Locator) -> float:
    box = node.bounding_box()
    return box["y"] if box else -1.0


PAGES: dict[str, Callable[[str], str]] = {
    # A frontend that keeps the outputs' own stylesheet and gives no colours of JupyterLab's.
    "elsewhere": lambda html: html,
    "no-stylesheet": lambda html: html.replace(stylesheet(), ""),
    # As GitHub and readers of mail keep it.
    "bare": lambda html: re.sub(
        r' (?:class|style|id|role|dir|target|rel|tabindex|aria-label)="[^"]*"',
        "",
        html.replace(stylesheet(), ""),
    ),
}


def elsewhere(page: Page, tier: str = "elsewhere") -> None:
    """Fill a page that is no frontend of Jupyter's with the answers."""
    shown = "".join(f'<div class="pplx">{PAGES[tier](each["text/html"])}</div>' for each in bundles())
    page.set_content(
        '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>x</title>'
        f'<body style="font:15px sans-serif;background:Canvas"><main>{shown}</main>'
    )


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("tier", PAGES)
def test_elsewhere(browser: Browser, tier: str, theme: Any) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 1000}, color_scheme=theme)
    elsewhere(page, tier)
    unfold(page)
    page.screenshot(path=SHOTS / f"tier-{tier}-{theme}.png", full_page=True)
    assert not serious(page)
    page.close()


@pytest.mark.parametrize(("name", "width", "scale"), [("narrow", 400, 1), ("zoomed", 640, 2)])
def test_little_room(browser: Browser, name: str, width: int, scale: int) -> None:
    """A page at 200 % has half the room, and draws each point twice as large."""
    page = browser.new_page(viewport={"width": width, "height": 800}, device_scale_factor=scale)
    elsewhere(page)
    page.screenshot(path=SHOTS / f"tier-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_printed(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    elsewhere(page)
    page.emulate_media(media="print")
    page.screenshot(path=SHOTS / "tier-print.png", full_page=True)
    first = page.locator(".pplx").first
    wide = first.locator("pre").nth(1)
    assert wide.evaluate("node => node.scrollWidth <= node.clientWidth"), "code is cut off on paper"
    assert first.get_by_text("143,204 tokens").is_visible(), "folds stay closed on paper"
    assert (
        first.locator("sup a span").first.evaluate("span => parseFloat(getComputedStyle(span).fontSize)") > 0
    )
    page.close()


@pytest.mark.parametrize("theme", THEMES)
def test_a_saved_page_stands_alone(browser: Browser, tmp_path: Path, theme: Any) -> None:
    path = dataclasses.replace(ANSWERS["report"].answer, receipt=RECEIPT).save(tmp_path / "x.html")
    page = browser.new_page(viewport={"width": 900, "height": 1000}, color_scheme=theme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.screenshot(path=SHOTS / f"tier-saved-{theme}.png", full_page=True)
    assert page.locator("h1").inner_text() == RECEIPT.question
    chip, brackets = page.locator("sup a").first, page.locator("sup a span").first
    assert brackets.evaluate("node => getComputedStyle(node).fontSize") == "0px", "our own style was refused"
    assert chip.evaluate("node => getComputedStyle(node).borderRadius") == "3px"
    assert not serious(page)
    page.emulate_media(media="print", color_scheme="dark")
    page.screenshot(path=SHOTS / f"tier-saved-print-{theme}.png", full_page=True)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not said
    page.close()
