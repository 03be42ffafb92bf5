"""What one cell shows of a batch: its plan, then one panel for all rows, and at the end a page that stays.

As with a single job, the upper output holds what is live and becomes the page; the lower one holds a
static line, and after the end, for a while, the button that asks failed rows anew.

A click changes what is shown at once; what it asks of the ledger is done in a turn of its own, after what
was clicked before: the ledger may be locked for seconds, and no cell waits for it.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch import forms
from pplx_jupyter.batch.standing import UNDER_WAY
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.notebook.batch import buttons, texts
from pplx_jupyter.notebook.batch.acts import Acts
from pplx_jupyter.notebook.batch.page import metadata_of, note_page, note_settled, page_of
from pplx_jupyter.notebook.batch.panel import BatchPanel
from pplx_jupyter.notebook.outputs.display import Slot, next_to_widget
from pplx_jupyter.notebook.outputs.final import NOTHING
from pplx_jupyter.notebook.panel.chime import Chime
from pplx_jupyter.notebook.panel.notify import tell_of_batch
from pplx_jupyter.notebook.panel.painter import UNMARKED, painter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.standing import Tally
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.notebook.panel.notify import Telling

__all__ = ["BatchView"]

OFFERED_SECONDS = 600.0
"""How long the button below a settled batch stays: a file must not keep a widget."""

PAINT_SECONDS = 1.0
PLAN_SECONDS = 5.0
"""How often it is looked what has become of a plan's rows that are under way already."""

TABLE_SECONDS = 2.0
"""How often the table changes: an update replaces it under the eyes of whoever reads it."""

CLOCK_SECONDS = 5.0
"""How often the clocks of rows under way move, where nothing else changes the table."""

CALM_SECONDS = 2.0
"""How long no further row must have failed until asking them anew is offered: its button says how many it buys."""

_MODES = {
    buttons.CANCEL_YES: "watching",
    buttons.CANCEL_NO: "watching",
    buttons.CANCEL: "cancel?",
    buttons.STOP: "stopped",
    buttons.WATCH: "watching",
}
"""What the panel of a batch under way does after a click, by what the button's text begins with."""

_UNDER_WAY = ("watching", "cancel?", "stopped")


class BatchView:
    """One cell's two outputs for a batch.

    Parameters
    ----------
    batch
        The batch, asked or not.
    pin
        The kernel and the cell.
    place
        Where that cell runs.
    told
        How a person is told that it is over.

    Attributes
    ----------
    mode
        ``"plan"``, then ``"watching"``, ``"cancel?"`` (a click asked to cancel) or ``"stopped"`` (nobody watches),
        and at the end ``"offering"`` (a button stays for a while) or ``"closed"``.
    """

    def __init__(self, batch: Batch, pin: Pin, place: Place, told: Telling) -> None:
        token = secrets.token_hex(3)
        self.batch = batch
        # A batch reads its many rows itself.
        self.row = UNMARKED
        self.upper = Slot(f"pplx-{batch.id}-{token}-state", pin)
        self.lower = Slot(f"pplx-{batch.id}-{token}-answer", pin)
        self._place = place
        self._told = told
        self._chime: Chime | None = None
        self.mode = "plan"
        self._mode_since = 0.0
        self._painted_at = self._table_at = 0.0
        self._dirty = False
        self._said = ""
        self._noted: set[str] = set()
        self._choice = ""
        self._table_of: Any = None
        self._retry, self._retry_at = "", 0.0
        self._plan: BatchPlan | None = None
        self._page: Mapping[str, str] = {}
        self._offers: tuple[str, ...] = ()
        self._switching = threading.Lock()
        # The painter paints, and a turn brings the panel back: one at a time.
        self._painting = threading.RLock()
        self.panel = BatchPanel(pin, self.click, self.choose)
        self._acts = Acts(self)

    @property
    def is_live(self) -> bool:
        """Whether it shows rows under way; else it may be closed, and nothing but buttons goes."""
        return self.mode in _UNDER_WAY

    # -- outputs ------------------------------------------------------------------------------------

    def show(self, shell: Any, plan: BatchPlan | None) -> None:
        """Show the plan, or the batch under way where there is none, from the cell's own thread."""
        if plan is not None:
            self.show_plan(plan)
            static = forms.plan_forms(self.batch, plan)
        else:
            self._go_live()
            self._paint(time.time())
            static = forms.forms_of(self.batch)
        live = {**self.panel.bundle, **{kind: static[kind] for kind in ("text/plain", "text/markdown")}}
        metadata = metadata_of(self.batch)
        self.upper.show(shell, live, metadata)
        self.lower.show(shell, self._hint(), metadata)

    def _hint(self) -> dict[str, Any]:
        hint = forms.unsent_forms if self.mode == "plan" else forms.hint_forms
        return next_to_widget(hint(self.batch))

    def show_plan(self, plan: BatchPlan, said: str = "") -> None:
        """Show a plan, and why nothing came of a click where that was so."""
        self._plan = plan
        parts = {
            "head": texts.plan_head(plan),
            "question": texts.plan_text(plan),
            "note": texts.plan_note(self.batch, said),
            "prompts": "",
        }
        self.panel.show_plan(parts, buttons.ask_buttons(plan))

    def _go_live(self) -> None:
        self.mode, self._dirty = "watching", True
        self.panel.paint({"question": texts.question(self.batch)}, ())
        self.panel.show_live()

    def begin(self) -> None:
        """Let the painter paint this view from now on."""
        painter_of(self.batch.session).add(self)

    # -- the painter's side -----------------------------------------------------------------------

    def note(self, row: object) -> None:
        """Take nothing: a batch reads its rows itself."""

    def urgency(self, now: float) -> float:
        """Give how urgent the next paint is."""
        if self.mode == "closed":
            return 0.0
        if self.mode == "plan":
            return 1.0 if now - self._painted_at >= PLAN_SECONDS else 0.0
        if self._dirty:
            return 3.0
        if self.mode == "offering":
            return float(now - self._mode_since > OFFERED_SECONDS)
        return 2.0 if now - self._painted_at >= PAINT_SECONDS else 0.0

    def paint(self, now: float) -> bool:
        """Show what is new; say whether nothing more will come."""
        with self._painting:
            return self._paint_now(now)

    def _paint_now(self, now: float) -> bool:
        self._dirty = False
        if self.mode == "offering":
            if now - self._mode_since > OFFERED_SECONDS:
                self.withdraw()
                return True
            return False
        if self.mode == "plan":
            return self._follow_plan(now)
        self.batch.refresh()
        if self.mode == "stopped":
            return self._stay(now)
        if self.batch.is_over:
            return self._finish()
        self._paint(now)
        settled = {each.job for each in self.batch.standings if each.is_over and each.job}
        if settled - self._noted:
            note_settled(self.batch, settled - self._noted)
            self._noted |= settled
        return False

    def _follow_plan(self, now: float) -> bool:
        """Show below a plan what has become of its rows that are in the ledger; say whether nothing more will come."""
        batch, is_first = self.batch, not self._painted_at
        self._painted_at = now
        if batch.refresh() or is_first:
            self.lower.update(self._hint(), metadata_of(batch))
            note_page(batch, self._place)
        if batch.is_asked:
            # Others have asked what was left: nothing is to be planned any more.
            self._bring_back()
            return False
        return not batch.tally.under_way

    def _stay(self, now: float) -> bool:
        """Paint no more after this; who wants to be told of the end still is. Say whether nothing more will come."""
        if self._painted_at < self._mode_since:
            self._paint(now)
        self._painted_at = now
        if self._told.desktop and self.batch.is_over:
            tell_of_batch(self.batch, self._told)
            return True
        return not self._told.desktop

    def _paint(self, now: float) -> None:
        batch = self.batch
        standings, tally, paused = batch.standings, batch.tally, batch.paused
        stopped_at = self._mode_since if self.mode == "stopped" else 0.0
        self._painted_at = now
        parts = {
            "head": texts.head(batch, tally, paused, now, stopped_at=stopped_at, slow_until=batch.slow_until),
            "strip": texts.strip(batch, standings, tally),
            "note": texts.note(batch, tally, paused, mode=self.mode, said=self._said, budget=batch.budget),
        }
        choices = texts.choices(tally)
        chosen = next((each for each in choices if each.label.partition(" (")[0] == self._choice), choices[0])
        self.panel.set_choices([each.label for each in choices], chosen.label)
        wanted = texts.rows_of(chosen, standings)
        tick = int(now / CLOCK_SECONDS)
        key = (
            chosen.label,
            [
                (n, standings[n].word, standings[n].reason, tick if standings[n].word in UNDER_WAY else 0)
                for n in wanted
            ],
        )
        if key != self._table_of and (now - self._table_at >= TABLE_SECONDS or self._is_stale(chosen.label)):
            self._table_of, self._table_at = key, now
            parts["table"] = texts.table(batch, standings, wanted, now)
        retry = self._retry_text(tally, paused, now)
        self.panel.paint(parts, buttons.live_buttons(tally, paused, mode=self.mode, retry=retry))

    def _retry_text(self, tally: Tally, paused: str, now: float) -> str:
        """Give the button that asks failed rows anew, once it may be shown; empty before."""
        usual = self.batch.usual if tally.failed else Expected()
        retry = buttons.steady(self._retry, buttons.retry_text(tally, usual, paused))
        return retry if self._is_calm(retry, now) else ""

    def _is_calm(self, retry: str, now: float) -> bool:
        """Whether the button that asks failed rows anew has had this text for a while: nobody can aim at one that changes."""
        if retry != self._retry:
            self._retry, self._retry_at = retry, now
        return now - self._retry_at >= CALM_SECONDS

    def _is_stale(self, label: str) -> bool:
        """Whether the table cannot wait: other rows are chosen, or it calls "not sent" what may be under way by now."""
        if self._table_of is None:
            return True
        shown, rows = self._table_of
        return shown != label or any(word == "not asked" for _, word, *_ in rows)

    def _finish(self) -> bool:
        """Show the page that stays; say whether that is all, or a button stays for a while."""
        batch = self.batch
        if batch.error is not None and not batch.is_asked:
            # Nothing could be written down: the plan stands again, with the reason.
            self.show_plan(batch.plan, str(batch.error))
            self._set_mode("plan")
            self.lower.update(self._hint(), metadata_of(batch))
            return True
        page, metadata = page_of(batch), metadata_of(batch)
        # Where the user has closed all widgets there are no buttons: the page stands alone.
        offers = () if self.panel.is_gone else buttons.offers(batch)
        self._page, self._offers = page, offers
        self._show_end(next_to_widget(page) if offers else page, metadata)
        self.panel.finish(page["text/html"] + (_RELOADED if not self._place.voila else ""), offers)
        note_page(batch, self._place)
        self.lower.update({**NOTHING, **self.panel.row_bundle} if offers else NOTHING, metadata)
        self._set_mode("offering" if offers else "closed")
        return not offers

    def _show_end(self, page: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Put the page into the output, and tell of it."""
        tell_of_batch(self.batch, self._told)
        if not self._told.page:
            self.upper.update(page, metadata)
            return
        self._chime = Chime(self.upper, page, metadata)
        painter_of(self.batch.session).add(self._chime)

    def show_settled(self, shell: Any) -> None:
        """Show a batch that is over already, from the cell's own thread; with its button where one is due."""
        batch = self.batch
        metadata = metadata_of(batch)
        self._offers, self._page = offers, page = buttons.offers(batch), page_of(batch)
        self.upper.show(shell, next_to_widget(page) if offers else page, metadata)
        note_page(batch, self._place)
        if offers:
            self._set_mode("offering")
            self.panel.set_buttons(offers, primary=True)
            self.lower.show(shell, {**NOTHING, **self.panel.row_bundle}, metadata)
            self.begin()

    # -- the user's side ------------------------------------------------------------------------------

    def choose(self, label: str) -> None:
        """Show other rows."""
        self._choice = label.partition(" (")[0]
        self.show_soon()

    def click(self, text: str) -> None:
        """Act on a button, at once or when its turn comes; the painter shows what came of it."""
        with self._switching:
            self._said = ""
            mode = next((mode for start, mode in _MODES.items() if text.startswith(start)), self.mode)
            if self.mode in _UNDER_WAY and mode != self.mode:
                self.mode, self._mode_since = mode, time.time()
        if text == buttons.WATCH:
            self.begin()
        self._acts.take(text)
        self.show_soon()

    def _set_mode(self, mode: str) -> None:
        with self._switching:
            self.mode, self._mode_since = mode, time.time()

    def show_soon(self) -> None:
        """Let the painter come soon."""
        self._dirty = True
        self.batch.session.bell.ring()

    def live_again(self) -> None:
        """Be the panel of a batch under way, where it is not: the page, or the plan of what is asked, gives way."""
        with self._painting:
            is_plan = self.mode == "plan" and not self.batch.is_asked
            if not (is_plan or self.is_live or self.panel.is_gone):
                self._bring_back()

    def _bring_back(self) -> None:
        self._silence()
        self._table_of = None
        self._go_live()
        self._paint(time.time())
        metadata = metadata_of(self.batch)
        static = forms.forms_of(self.batch)
        self.upper.update(
            {
                **self.panel.bundle,
                "text/plain": static["text/plain"],
                "text/markdown": static["text/markdown"],
            },
            metadata,
        )
        self.lower.update(self._hint(), metadata)
        self.begin()

    def _silence(self) -> None:
        """Leave the upper output to what comes: the sound's end would bring the page back."""
        if self._chime is not None:
            self._chime.stop()

    def tell(self, said: str) -> None:
        """Say why nothing came of a click, below what stands there; nothing is read for it."""
        if self.mode in {"stopped", "closed"}:
            # Nobody looks here any more.
            warn_once(said)
        with self._painting:
            self._said = said
            if self.mode == "plan" and self._plan is not None:
                self.show_plan(self._plan, said)
            elif self.mode == "offering":
                note = texts.note(self.batch, self.batch.tally, mode="", said=said)
                self.panel.finish(self._page["text/html"] + note, self._offers)
                self._silence()
                self.upper.update(next_to_widget(self._with_error(said)), metadata_of(self.batch))
        self.show_soon()

    def _with_error(self, said: str) -> dict[str, str]:
        page, told = self._page, forms.error_forms(said)
        return {kind: page[kind] + ("" if kind == "text/html" else "\n\n") + told[kind] for kind in page}

    def offer_anew(self) -> None:
        """Let the buttons below the page say what they would send now, where they are there."""
        if self.mode == "offering":
            self._offers = buttons.offers(self.batch)

    def withdraw(self) -> None:
        """Take the button away, where there is one: the page stays."""
        if self.mode == "offering":
            self._set_mode("closed")
            self.panel.withdraw()
            self.lower.update(NOTHING, metadata_of(self.batch))

    def close(self) -> None:
        """Free the widgets; a plan leaves its words."""
        self.withdraw()
        if self.mode == "plan" and self._plan is not None:
            self.upper.update(forms.plan_forms(self.batch, self._plan), metadata_of(self.batch))
        self._set_mode("closed")
        painter_of(self.batch.session).remove(self)
        self.panel.close()


_RELOADED = (
    '<div class="pplx"><p class="pplx-m">This page was reloaded meanwhile. Run the cell again to keep the answers in the'
    " file; it is free.</p></div>"
)
