"""What one cell shows of a batch: its plan, then one panel for all rows, and at the end a page that stays.

As with a single job, the upper output holds what is live and becomes the page; the lower one holds a
static line, and after the end, for a while, the button that asks failed rows anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch import forms
from pplx_jupyter.errors import PplxError
from pplx_jupyter.notebook.batch import texts
from pplx_jupyter.notebook.batch.panel import BatchPanel
from pplx_jupyter.notebook.outputs.display import Slot, next_to_widget
from pplx_jupyter.notebook.outputs.final import NOTHING
from pplx_jupyter.notebook.outputs.shown import note_shown
from pplx_jupyter.notebook.panel.chime import Chime
from pplx_jupyter.notebook.panel.notify import tell_of_batch
from pplx_jupyter.notebook.panel.painter import UNMARKED, painter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.notebook.panel.notify import Telling

__all__ = ["BatchView", "metadata_of", "page_of"]

OFFERED_SECONDS = 600.0
"""How long the button below a settled batch stays: a file must not keep a widget."""

PAINT_SECONDS = 1.0
TABLE_SECONDS = 2.0
"""How often the table changes: an update replaces it under the eyes of whoever reads it."""


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
        self._mode = "plan"
        self._mode_since = 0.0
        self._painted_at = self._table_at = 0.0
        self._dirty = False
        self._said = ""
        self._choice = ""
        self._table_of: Any = None
        self._taking = threading.Lock()
        self.panel = BatchPanel(pin, self.click, self.choose)

    # -- outputs ------------------------------------------------------------------------------------

    def show(self, shell: Any, plan: BatchPlan | None) -> None:
        """Show the plan, or the batch under way where there is none, from the cell's own thread."""
        if plan is not None:
            self._show_plan(plan)
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
        hint = forms.unsent_forms if self._mode == "plan" else forms.hint_forms
        return next_to_widget(hint(self.batch))

    def _show_plan(self, plan: BatchPlan, said: str = "") -> None:
        parts = {
            "head": texts.plan_head(plan),
            "question": texts.plan_text(plan),
            "note": texts.plan_note(self.batch, said),
            "prompts": "",
        }
        self.panel.show_plan(parts, texts.ask_buttons(plan))

    def _go_live(self) -> None:
        self._mode, self._dirty = "watching", True
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
        if self._mode in {"plan", "closed"}:
            return 0.0
        if self._dirty:
            return 3.0
        if self._mode == "offering":
            return float(now - self._mode_since > OFFERED_SECONDS)
        return 2.0 if now - self._painted_at >= PAINT_SECONDS else 0.0

    def paint(self, now: float) -> bool:
        """Show what is new; say whether nothing more will come."""
        self._dirty = False
        if self._mode == "offering":
            if now - self._mode_since > OFFERED_SECONDS:
                self.withdraw()
                return True
            return False
        self.batch.refresh()
        if self._mode == "stopped":
            return self._stay(now)
        if self.batch.is_over:
            return self._finish()
        self._paint(now)
        return False

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
        standings, tally, gate = batch.standings, batch.tally, batch.gate
        stopped_at = self._mode_since if self._mode == "stopped" else 0.0
        self._painted_at = now
        parts = {
            "head": texts.head(
                batch, tally, gate.paused, now, stopped_at=stopped_at, slow_until=batch.slow_until
            ),
            "strip": texts.strip(batch, standings, tally),
            "note": texts.note(batch, tally, gate.paused, mode=self._mode, said=self._said),
        }
        choices = texts.choices(tally)
        chosen = next((each for each in choices if each.label.partition(" (")[0] == self._choice), choices[0])
        self.panel.set_choices([each.label for each in choices], chosen.label)
        wanted = texts.rows_of(chosen, standings)
        key = (chosen.label, [(n, standings[n].word, standings[n].reason) for n in wanted])
        if key != self._table_of and (now - self._table_at >= TABLE_SECONDS or self._is_stale(chosen.label)):
            self._table_of, self._table_at = key, now
            parts["table"] = texts.table(batch, standings, wanted, now)
        self.panel.paint(parts, texts.buttons(tally, gate.paused, mode=self._mode))

    def _is_stale(self, label: str) -> bool:
        """Whether the table cannot wait: other rows are chosen, or it calls "not sent" what may be under way by now."""
        if self._table_of is None:
            return True
        shown, rows = self._table_of
        return shown != label or any(word == "not asked" for _, word, _ in rows)

    def _finish(self) -> bool:
        """Show the page that stays; say whether that is all, or a button stays for a while."""
        batch = self.batch
        if batch.error is not None and not batch.standings[0].job:
            # Nothing could be written down: the plan stands again, with the reason.
            self._show_plan(batch.plan, str(batch.error))
            self._mode = "plan"
            return True
        page, metadata = page_of(batch), metadata_of(batch)
        offers = texts.offers(batch)
        self._show_end(next_to_widget(page) if offers else page, metadata)
        self.panel.finish(page["text/html"] + (_RELOADED if not self._place.voila else ""), offers)
        _note_shown(batch, self._place)
        if not offers:
            self.lower.update(NOTHING, metadata)
            self._mode = "closed"
            return True
        self.lower.update({**NOTHING, **self.panel.row_bundle}, metadata)
        self._mode, self._mode_since = "offering", time.time()
        return False

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
        offers, page = texts.offers(batch), page_of(batch)
        self.upper.show(shell, next_to_widget(page) if offers else page, metadata)
        _note_shown(batch, self._place)
        if offers:
            self._mode, self._mode_since = "offering", time.time()
            self.panel.set_buttons(offers, primary=True)
            self.lower.show(shell, {**NOTHING, **self.panel.row_bundle}, metadata)
            self.begin()

    # -- the user's side ------------------------------------------------------------------------------

    def choose(self, label: str) -> None:
        """Show other rows."""
        self._choice = label.partition(" (")[0]
        self._dirty = True
        self.batch.session.bell.ring()

    def click(self, text: str) -> None:
        """Act on a button; the painter shows what came of it."""
        with self._taking:
            self._said = ""
            try:
                if self._mode == "plan":
                    self._click_plan(text)
                else:
                    self._click_live(text)
            except PplxError as error:
                self._tell(str(error))
        self._dirty = True
        self.batch.session.bell.ring()

    def _click_plan(self, text: str) -> None:
        if text.startswith(texts.SHOW):
            plan = self.batch.plan
            self.panel.write({"prompts": texts.prompts(self.batch)})
            self.panel.set_buttons((*texts.ask_buttons(plan)[:-1], texts.HIDE), primary=True)
            return
        if text == texts.HIDE:
            self._show_plan(self.batch.plan)
            return
        plan = self.batch.plan
        if text not in texts.ask_buttons(plan):
            # What is new, or its price, has changed since: nothing is bought that did not stand on the button.
            self._show_plan(plan)
            return
        self.panel.disable()
        self.batch.ask(first=texts.first_of(text), background=True)
        self._live_again()

    def _click_live(self, text: str) -> None:
        batch = self.batch
        if text == texts.PAUSE:
            batch.pause()
        elif text.startswith(texts.RESUME):
            batch.resume()
            if self._mode == "offering":
                self._live_again()
        elif text.startswith(texts.RETRY):
            self.panel.disable()
            batch.retry_failed()
            if self._mode == "offering":
                self._live_again()
        elif text.startswith(texts.CANCEL_YES):
            self._mode = "watching"
            batch.cancel()
        elif text == texts.CANCEL_NO:
            self._mode = "watching"
        elif text == texts.STOP:
            self._mode, self._mode_since = "stopped", time.time()
        elif text == texts.WATCH:
            self._mode = "watching"
            self.begin()
        elif text.startswith(texts.CANCEL):
            self._mode = "cancel?"

    def _live_again(self) -> None:
        """Be the panel of a batch under way: the page, or the plan, gives way."""
        was_plan = self._mode == "plan"
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
        if was_plan:
            self.begin()

    def _silence(self) -> None:
        """Leave the upper output to what comes: the sound's end would bring the page back."""
        if self._chime is not None:
            self._chime.stop()

    def _tell(self, said: str) -> None:
        if self._mode == "plan":
            self._show_plan(self.batch.plan, said)
            return
        self._said = said
        if self._mode == "offering":
            note = texts.note(self.batch, self.batch.tally, mode="", said=said)
            self.panel.finish(page_of(self.batch)["text/html"] + note, texts.offers(self.batch))
            self._silence()
            self.upper.update(next_to_widget(self._with_error(said)), metadata_of(self.batch))

    def _with_error(self, said: str) -> dict[str, str]:
        page = page_of(self.batch)
        told = forms.error_forms(said)
        return {kind: page[kind] + ("" if kind == "text/html" else "\n\n") + told[kind] for kind in page}

    def withdraw(self) -> None:
        """Take the button away, where there is one: the page stays."""
        if self._mode == "offering":
            self._mode = "closed"
            self.panel.withdraw()
            self.lower.update(NOTHING, metadata_of(self.batch))

    def close(self) -> None:
        """Free the widgets."""
        self.withdraw()
        self._mode = "closed"
        painter_of(self.batch.session).remove(self)
        self.panel.close()


_RELOADED = (
    '<div class="pplx"><p class="pplx-m">This page was reloaded meanwhile. Run the cell again to keep the answers in the'
    " file; it is free.</p></div>"
)


def page_of(batch: Batch) -> dict[str, str]:
    """Give the page that stays, in the three forms."""
    return forms.forms_of(batch)


def metadata_of(batch: Batch) -> Mapping[str, Any]:
    """Give what a saved output says of its batch, for tools that read the file."""
    jobs = list(dict.fromkeys(each.job for each in batch.standings if each.job))
    return {"pplx_jupyter": {"batch": batch.id, "jobs": jobs if batch.is_over else []}}


def _note_shown(batch: Batch, place: Place) -> None:
    """Remember what this cell showed: for freezing, and so that no later kernel tells of it as new."""
    jobs = list(dict.fromkeys(each.job for each in batch.standings if each.job))
    for job_id in jobs:
        note_shown(place, job_id)
    batch.mark_shown()
