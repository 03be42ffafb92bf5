"""Hostile text in a real page of JupyterLab: nothing runs, nothing is fetched, no link leads to the server.

Hundreds of payloads share a page through its own rendermime and its own widgets, each in its own node.
The same page must catch the same payloads raw, or the check is broken.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from pplx_jupyter.render import clean, stylesheet
from tests.browser.conftest import LAB
from tests.conftest import TABLE
from tests.payloads import OWN, as_answer, collection, elsewhere, panels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, Route

SCRIPTS = (Path(__file__).parent / "safety.js").read_text("utf-8")
HTML, MARKDOWN = "text/html", "text/markdown"
WIDGET, TYPESET = "HTML", "HTMLMath"
"""Widgets, by what their models are called; only the second has its formulas typeset."""
BATCH = 300
WRECKS = re.compile("(?i)<meta|<base|content-security")
REAL = 50
"""How many payloads are shown by real cells, too: as many outputs as JupyterLab shows of one cell."""
ROOT = Path(__file__).parents[2]

CELLS = """
import json, sys
sys.path.insert(0, {root!r})
from IPython.display import publish_display_data
from pplx_jupyter.notebook.outputs.display import Pin
from pplx_jupyter.notebook.panel.panel import Panel
from tests.payloads import NOW, as_answer, running
sample = json.loads({sample!r})
shell = get_ipython()
"""
SHOWN = {
    HTML: 'for text in sample:\n    publish_display_data({"text/html": as_answer(text)["text/html"]})',
    MARKDOWN: 'for text in sample:\n    publish_display_data({"text/markdown": as_answer(text)["text/markdown"]})',
    WIDGET: """
for n, text in enumerate(sample):
    panel = Panel(running(text), Pin(shell.kernel, shell.get_parent()), print, now=NOW, why=text)
    publish_display_data(panel.bundle)
    if n % 2:
        panel.finish(as_answer(text)["text/html"])
""",
}


class Seen(NamedTuple):
    """What a page was caught at."""

    ran: list[str]
    fetched: list[str]
    navigated: list[str]


@pytest.fixture
def seen() -> Seen:
    return Seen([], [], [])


def guard(page: Page, seen: Seen) -> None:
    """Take note of whatever runs, is fetched or navigates; let nothing leave this machine."""

    def on_request(route: Route, request: Request) -> None:
        local = urlsplit(request.url).hostname in {"127.0.0.1", "localhost", None}
        if request.is_navigation_request():
            seen.navigated.append(request.url)
        elif not local or request.resource_type in {"image", "media", "document", "stylesheet"}:
            seen.fetched.append(request.url)
        if local and not request.is_navigation_request():
            route.continue_()
        else:
            route.abort()

    def on_dialog(dialog: Dialog) -> None:
        seen.ran.append(dialog.message)
        dialog.dismiss()

    def on_console(said: ConsoleMessage) -> None:
        if said.text.startswith("pplx ran"):
            seen.ran.append(said.text)

    page.on("dialog", on_dialog)
    page.on("console", on_console)
    page.on("pageerror", lambda error: seen.ran.append(str(error)))
    page.on("popup", lambda popup: seen.navigated.append(popup.url))
    page.route("**/*", on_request)
    page.evaluate(f"() => {{ {SCRIPTS} }}")


def shown(payloads: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Give what each place shows of each payload, by what shows it; the sheet that all share is left out."""
    forms: dict[str, list[tuple[str, str]]] = {HTML: [], MARKDOWN: [], WIDGET: [], TYPESET: []}

    def add(name: str, made: Any) -> None:
        forms[HTML].append((name, made[HTML].replace(stylesheet(), "")))
        forms[MARKDOWN].append((name, made[MARKDOWN]))
        forms[WIDGET].append(forms[HTML][-1])

    for n, payload in enumerate(payloads):
        add(f"text: {payload}", as_answer(payload))
        if n < len(OWN) or re.search(r"[$\\]", payload):
            # Without its typesetter, this widget is the other one.
            forms[TYPESET].append(forms[HTML][-1])
        if n < len(OWN) or n % 40 == 0:
            for place, made in elsewhere(payload):
                add(f"{place}: {payload}", made)
            forms[WIDGET] += [
                (f"{place}: {payload}", html.replace(stylesheet(), "")) for place, html in panels(payload)
            ]
    return forms


def show(page: Page, seen: Seen, how: str, items: list[tuple[str, str]]) -> None:
    for n in range(0, len(items), BATCH):
        batch = items[n : n + BATCH]
        found = page.evaluate("([how, items]) => pplxShow(how, items)", [how, batch])
        assert not found["faults"], found["faults"][:5]
        assert found["shown"] == len(batch)
        assert not any(seen), (how, seen, [name for name, _ in batch])


@LAB
def test_nothing_runs_nothing_is_fetched(
    book: Callable[..., Any], seen: Seen, record_property: Callable[[str, object], None]
) -> None:
    page = book("1").page
    guard(page, seen)
    # What leads to the very server that shows it.
    here = page.evaluate("location.origin")
    payloads = [*OWN, f"[x]({here}/api/kernels) {here}/lab <{here}/lab>", f"{here}/lab", *collection()]
    heads = ("hostile payloads in JupyterLab", "shown as", "payloads", "places", "ran", "fetched")
    for how, items in shown(payloads).items():
        show(page, seen, how, items)
        record_property(TABLE, (heads, [how, len(payloads), len(items), len(seen.ran), len(seen.fetched)]))

    settle(page, seen)
    assert not any(seen), seen

    # Without what would change the page for all that follow.
    control = [*OWN, *(raw for raw in collection()[::6] if not WRECKS.search(raw))]
    for how in (HTML, MARKDOWN, WIDGET, TYPESET):
        for each in seen:
            each.clear()
        items = [(raw, raw) for raw in control]
        found = page.evaluate("([how, items]) => pplxShow(how, items)", [how, items])
        settle(page, seen, 8)
        assert how != TYPESET or page.locator("mjx-container").count(), "its typesetter runs"
        row = [f"{how}, not sanitised", len(control), len(control), len(seen.ran), len(seen.fetched)]
        record_property(TABLE, (heads, row))
        assert len(found["faults"]) > len(control) / 4, "this page would not notice what could run"
        assert len(seen.ran) >= 8, f"this page would not notice what runs in {how}"
        assert len(seen.fetched) >= 8, f"this page would not notice what is fetched by {how}"


def settle(page: Page, seen: Seen, least: int = 0) -> None:
    """Wait until a while brings nothing new; up to 20 s where less than this was seen."""
    before = -1
    for _ in range(50):
        if len(seen.ran) + len(seen.fetched) == before and min(len(seen.ran), len(seen.fetched)) >= least:
            return
        before = len(seen.ran) + len(seen.fetched)
        page.wait_for_timeout(400)


@LAB
def test_hostile_answers_in_real_cells(book: Callable[..., Any], seen: Seen) -> None:
    sample = [*OWN, *collection()[::40]][:REAL]
    setup = CELLS.format(root=str(ROOT), sample=json.dumps(sample))
    page = book(setup, *SHOWN.values())
    guard(page.page, seen)
    page.run(0)
    for number, how in enumerate(SHOWN, 1):
        page.run(number)
        outputs = page.cell(number).locator(".jp-OutputArea-output")
        page.until(lambda: outputs.count() == len(sample), f"all outputs of {how}")  # noqa: B023
        page.until(lambda: all(outputs.all_inner_texts()), f"all of {how} to be shown")  # noqa: B023
        for n, found in enumerate(outputs.evaluate_all("nodes => nodes.map(pplxFaults)")):
            assert not found, (how, sample[n], found)
    page.page.wait_for_timeout(200)
    assert not any(seen), seen


HOSTS = ["a", "1", "0x", "9", ".", "..", "-", "xn--", "ß", "é", "e\u0301", "ا", "א", "汉", "あ", "☃", "💩", "K", "İ", "Σ", "ς", "\u200d",
         "\u0301", "¼", "²", "。", "·", "zca", "mnchen-3ya", "_", "٣", "۴", "ꭰ", "\u3164", "ℾ", "%61", "[::1]", "[", ":", ":80", "@", "…"]  # fmt: skip


def test_every_address_that_passes_is_to_a_browser_what_it_is_to_us(browser: Browser) -> None:
    """A link that the browser cannot read leads to JupyterLab's own server."""
    rng = random.Random(20261122)
    named = [
        "".join(rng.choices(HOSTS, k=rng.randint(1, 5))) + rng.choice(["", ".com", "."])
        for _ in range(20_000)
    ]
    # Any letter, mark, number or sign, in a name or as its code.
    named += ["".join(chr(rng.randrange(0xA0, 0x30000)) for _ in range(2)) + ".com" for _ in range(20_000)]
    named += [f"xn--{''.join(rng.choices('abcxyz0123-', k=rng.randint(1, 8)))}.com" for _ in range(5_000)]
    urls = [
        url
        for host in named
        if max(host) < "\ud800" or min(host) > "\udfff"
        for url in [clean.safe_url(f"https://{host}/")]
        if url
    ]
    page = browser.new_page()
    read = "urls => urls.map(url => URL.canParse(url) ? new URL(url).hostname : url)"
    assert len(urls) > 3_000
    assert page.evaluate(read, urls) == [clean.host(url) for url in urls]
    page.close()
