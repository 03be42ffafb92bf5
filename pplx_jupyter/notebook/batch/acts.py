"""What the buttons of a batch do to its rows, each in a turn of its own, after what was clicked before.

The ledger may be locked for seconds, and a thousand rows take a while to write: neither a cell nor another click
waits for it.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from pplx_jupyter.notebook.batch import texts
from pplx_jupyter.notebook.batch.panel import SPENDING
from pplx_jupyter.notebook.turns import Turns

if TYPE_CHECKING:
    from pplx_jupyter.notebook.batch.view import BatchView

__all__ = ["Acts"]

_ACTS = (*SPENDING, texts.SHOW, texts.HIDE, texts.PAUSE, texts.CANCEL_YES)
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
        if text.startswith(texts.SHOW):
            view.panel.write({"prompts": texts.prompts(batch)})
            view.panel.set_buttons((*texts.ask_buttons(plan)[:-1], texts.HIDE), primary=True)
            return
        if text not in texts.ask_buttons(plan):
            # Hidden prompts; or what is new, or its price, has changed: nothing is bought that did not stand on the button.
            view.show_plan(plan)
            return
        batch.ask(first=texts.first_of(text), background=True)
        view.live_again()

    def _act_on_rows(self, text: str) -> None:
        view, batch = self._view, self._view.batch
        if text == texts.PAUSE:
            batch.pause()
        elif text.startswith(texts.CANCEL_YES):
            batch.cancel()
        elif text.startswith(texts.RESUME):
            batch.resume()
            view.live_again()
        elif text.startswith(texts.RETRY):
            batch.refresh()
            if texts.asks_more(text, batch.tally, batch.paused):
                view.tell(
                    "More rows have failed meanwhile: nothing was sent. The button says how many they are now."
                )
                return
            batch.retry_failed()
            view.live_again()
