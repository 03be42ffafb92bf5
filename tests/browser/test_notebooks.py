"""The app among the package's notebooks, as a page of Voila's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.demo import notebooks
from tests.browser.conftest import LAB, SHOTS

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator


# Voila is an extension of the same server.
@LAB
def test_the_research_app_asks_when_somebody_clicks(frontend: Any, browser: Any, sim: Simulator) -> None:
    (app,) = (path for path in notebooks() if path.stem == "research-app")
    (frontend.folder / app.name).write_bytes(app.read_bytes())
    bought = len(sim.bill.jobs)
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.goto(frontend.address(app.name).replace("/lab/tree/", "/voila/render/"))
    asks = page.locator("button.mod-primary", has_text="Ask (")
    asks.nth(1).wait_for(timeout=60_000)
    assert page.locator("select").count() == 4
    assert len(sim.bill.jobs) == bought
    page.locator("select").first.select_option("Norway")
    asks.first.dblclick()
    page.get_by_text("Sources", exact=True).first.wait_for(timeout=45_000)
    assert page.get_by_text("Brief an investor on electricity in Norway").first.is_visible()
    page.get_by_text("Show the answer (free)").wait_for(timeout=45_000)
    assert page.get_by_text("Traceback").count() == 0
    assert len(sim.bill.jobs) == bought + 1, "two clicks, one purchase"
    page.screenshot(path=SHOTS / "voila.png", full_page=True)
    page.close()
