"""The costs as a person looks at them: by what, and of which time."""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.notebook.outputs.beside import AWAY, LIVE, Beside, close_all, pin_all
from pplx_jupyter.notebook.spending.page import lefts_of, page_forms
from pplx_jupyter.notebook.spending.period import PERIODS
from pplx_jupyter.notebook.spending.sums import CHARTS, costs_of
from pplx_jupyter.session import current_session
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["CostDashboard"]

log = logging.getLogger("pplx_jupyter")


class CostDashboard:
    """What the ledger's jobs have cost, to look at in a cell: the last expression of one shows it.

    Parameters
    ----------
    by
        ``"day"``, ``"month"``, ``"notebook"``, ``"model"`` or ``"duration"`` (how long jobs took).
    period
        ``"last 7 days"``, ``"last 30 days"``, ``"this month"``, ``"last 365 days"`` or ``"all time"``.
    session
        Whose ledger; default: the process's own.

    Raises
    ------
    RequestError
        There is no such `by` or `period`.
    """

    def __init__(
        self, by: str = "day", period: str = "last 30 days", *, session: Session | None = None
    ) -> None:
        for name, value, known in (("by", by, CHARTS), ("period", period, tuple(PERIODS))):
            if value not in known:
                raise RequestError(f"{name} {value!r}: choose {', '.join(known)}.", field=name)
        self._by, self._period = by, period
        self._session = session

    def __repr__(self) -> str:
        return self.forms()["text/plain"]

    def forms(self, *, notebook: str = "") -> dict[str, str]:
        """Give the page as it is now, by mime type: what a saved file keeps."""
        return _forms(self._session or current_session(), self._by, self._period, notebook)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.forms()

    def _ipython_display_(self) -> None:
        from IPython.core.getipython import get_ipython

        from pplx_jupyter.notebook.frontend import here

        session = self._session or current_session()
        shell: Any = get_ipython()
        if shell is None:
            print(self)
            return
        place = here(shell, session.settings)
        forms = self.forms(notebook=place.notebook)
        if place.kernel is None:
            print(forms["text/plain"])
        elif place.headless or session.frozen:
            shell.display_pub.publish(data=forms, metadata={})
        else:
            beside = Beside(place)
            beside.show(shell, forms, _Board(session, place, beside, self._by, self._period))


def _forms(session: Session, by: str, period: str, notebook: str) -> dict[str, str]:
    today = datetime.datetime.now().astimezone().date()
    costs = costs_of(session, PERIODS[period](today))
    return page_forms(costs, [by], lefts_of(session, notebook))


class _Board:
    """The widgets of one cell."""

    def __init__(self, session: Session, place: Place, beside: Beside, by: str, period: str) -> None:
        import ipywidgets as widgets

        self.used_at = time.monotonic()
        self._session = session
        self._notebook = place.notebook
        self._beside = beside
        self._turn = asyncio.Lock()
        self._asked = 0
        style = {"description_width": "initial"}
        self._by = widgets.Dropdown(
            options=CHARTS, value=by, description="By", style=style, layout=_layout("150px")
        )
        self._period = widgets.Dropdown(
            options=list(PERIODS), value=period, description="Asked", style=style, layout=_layout("190px")
        )
        self._page = widgets.HTML(layout=widgets.Layout(margin="0", overflow="auto", max_width="100%"))
        self._row = widgets.HBox(
            [self._by, self._period], layout=widgets.Layout(flex_flow="row wrap", margin="0 0 4px")
        )
        self.box = widgets.VBox(
            [self._row, self._page], layout=widgets.Layout(max_width="800px", padding="0 0 0 4px")
        )
        self._paint(_forms(session, by, period, self._notebook))
        for box in (self._by, self._period):
            box.observe(lambda _change: self._choose(), names="value")
        pin_all(self.box, beside.pin)

    def _choose(self) -> None:
        self.used_at = time.monotonic()
        self._asked += 1
        run_in_background(self._read(self._asked))

    async def _read(self, number: int) -> None:
        async with self._turn:
            if number == self._asked:
                await asyncio.get_running_loop().run_in_executor(None, self._read_now)

    def _read_now(self) -> None:
        try:
            forms = _forms(self._session, self._by.value, self._period.value, self._notebook)
            self._paint(forms)
            self._beside.keep(forms)
        except PplxError as error:
            log.warning("%s", error)
        finally:
            self._session.ledger.close()

    def _paint(self, forms: dict[str, str]) -> None:
        self._page.value = f'<div class="{LIVE}">{forms["text/html"]}</div>'

    def close(self) -> None:
        """Free the widgets."""
        close_all(self.box)

    def put_away(self) -> None:
        """Leave a line in their place."""
        self._page.value = f'<div class="pplx"><p class="pplx-m">{AWAY}</p></div>'
        self.box.children = (self._page,)
        close_all(self._row)


def _layout(width: str) -> Any:
    import ipywidgets as widgets

    return widgets.Layout(width=width, max_width="100%", margin="0 12px 4px 0")
