"""What the buttons of a batch do to its rows, each in a turn of its own, after what was clicked before.

The ledger may be locked for seconds, and a thousand rows take a while to write: neither a cell nor another click
waits for it.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from pplx_jupyter.notebook.batch import buttons, texts
from pplx_jupyter.notebook.batch.panel import SPENDING
from pplx_jupyter.notebook.turns import Turns

if TYPE_CHECKING:
    from pplx_jupyter.notebook.batch.view import BatchView

__all__ = ["Acts"]

_ACTS = (*SPENDING, buttons.SHOW, buttons.HIDE, buttons.PAUSE, buttons.CANCEL_YES)
"""What reads or writes the ledger, by the first words on its button."""


class Acts:
    """What is done with the batch of one view."""

    def __init__(self, view: BatchView) -> None:
        self._view = view
        self._lock = threading.Lock()

    def take(self, text: str) -> None:
        """Let a click have its turn, where it needs one; until then nothing else that spends is clicked."""
        if not text.startswith(_ACTS):
            return
        spends = text.startswith(SPENDING)
        try:
            if spends:
                self._view.panel.hold()
            with self._lock:
                turns = self._turns
            turns.take(functools.partial(self._act, text))
        except BaseException:
            # An interrupt, too: the button must not stay dead.
            if spends:
                self._view.panel.release()
            raise

    @functools.cached_property
    def _turns(self) -> Turns:
        # Not sooner: a frozen batch opens no ledger.
        batch = self._view.batch
        return Turns(batch.session.ledger, self._view.tell, what=f"the batch {batch.label}")

    def _act(self, text: str) -> None:
        view = self._view
        try:
            if view.mode == "plan":
                self._act_on_plan(text)
            else:
                self._act_on_rows(text)
        finally:
            if text.startswith(SPENDING):
                view.panel.release()
            view.show_soon()

    def _act_on_plan(self, text: str) -> None:
        view, batch = self._view, self._view.batch
        plan = batch.plan
        if batch.is_asked:
            # Others have asked all that was left: it is there for nothing.
            view.live_again()
            return
        if text.startswith(buttons.SHOW):
            view.panel.write({"prompts": texts.prompts(batch)})
            view.panel.set_buttons((*buttons.ask_buttons(plan)[:-1], buttons.HIDE), primary=True)
            return
        if text not in buttons.ask_buttons(plan):
            # Hidden prompts; or what is new, or its price, has changed: nothing is bought that did not stand on the button.
            view.show_plan(plan)
            return
        batch.ask(first=buttons.first_of(text), background=True)
        view.live_again()

    def _act_on_rows(self, text: str) -> None:
        batch = self._view.batch
        if text == buttons.PAUSE:
            batch.pause()
        elif text.startswith(buttons.CANCEL_YES):
            batch.cancel()
        elif text.startswith((buttons.RESUME, buttons.RETRY)):
            self._send(text)

    def _send(self, text: str) -> None:
        """Let the rows go on that wait, or ask failed ones anew: no more of them, and for no more, than stood on the button."""
        view, batch = self._view, self._view.batch
        batch.refresh()
        tally, goes_on = batch.tally, text.startswith(buttons.RESUME)
        now = buttons.resume_text(tally) if goes_on else buttons.retry_text(tally, batch.usual, batch.paused)
        more = buttons.asks_more(text, now)
        if more:
            view.offer_anew()
            view.tell(more)
            return
        if goes_on:
            batch.resume()
        else:
            batch.retry_failed()
        view.live_again()
