"""Showing a batch where the present cell runs: its plan, a live panel, its page, or a cell that blocks."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch import forms
from pplx_jupyter.batch.plan import range_of
from pplx_jupyter.errors import JobFailed, PplxError
from pplx_jupyter.notebook.batch.page import metadata_of, note_page, page_of
from pplx_jupyter.notebook.batch.view import BatchView
from pplx_jupyter.notebook.outputs.display import Pin, Slot
from pplx_jupyter.notebook.panel.notify import Telling, telling
from pplx_jupyter.render.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["PlacedBatch", "display_batch", "placed_batches", "show_batch", "wait_for_batches"]


@dataclasses.dataclass(frozen=True, slots=True)
class PlacedBatch:
    """A batch under way, and the output that ``%pplx wait`` completes; None where a painter does."""

    batch: Batch
    slot: Slot | None
    place: Place

    def publish(self, pin: Pin) -> None:
        """Put the page into its cell, as a message of the cell that runs now."""
        if self.slot is not None:
            dataclasses.replace(self.slot, pin=pin).update(page_of(self.batch), metadata_of(self.batch))
            note_page(self.batch, self.place)


_placed: list[PlacedBatch] = []
_views: list[tuple[str, str, BatchView]] = []
"""Each view with its cell and the run of that cell, oldest first."""

_KEPT_VIEWS = 20
_last: tuple[str, Batch] | None = None
"""The batch that was asked or planned last, and the run of the cell that shows it."""


def show_batch(
    shell: Any,
    batch: Batch,
    place: Place,
    *,
    yes: bool = False,
    wait: bool | None = None,
    timeout: float | None = None,
    flags: Mapping[str, Any] | None = None,
) -> None:
    """Show a batch below the running cell, and ask it: at once, or where its plan is clicked.

    Nobody is asked where nobody is there, and nothing is asked that buys nothing. `flags` are the cell's own,
    which say how a person is told of the end.

    Raises
    ------
    PplxError
        It could pass a budget, there is no key, or, where the cell blocks, no row has an answer.
    """
    global _last  # noqa: PLW0603 - one a process
    _last = (_run_of(place), batch)
    settings = batch.session.settings
    if batch.session.frozen and not batch.is_asked:
        # What the lockfile lacks is an error of this cell, and nothing to be planned.
        batch.ask()
    plan = batch.plan
    blocks = _blocks(wait, place, batch.session)
    watched = place.kernel is not None and not place.headless
    if plan.new and watched and not yes:
        _show_view(shell, batch, place, plan, telling(shell, place, settings, flags))
        return
    if place.kernel is None and plan.new and not yes and not place.headless:
        print(f"{plan}\nAsk: --yes, or research_map(…, yes=True).")
        return
    plan.check()
    if not batch.session.frozen:
        # What is answered, and need not be looked at, is there at once: no panel comes before its page.
        is_there = not plan.new and not plan.under_way and batch.schema is None
        background = watched and not blocks and not is_there
        # Where nobody is there to let a paused batch go on, it would be waited for without end.
        batch.ask(background=background, resume=bool(plan.new) or yes or place.headless)
    seconds = settings.timeout if timeout is None else timeout
    if place.kernel is None:
        _block_in_terminal(batch, plan, seconds)
    elif not batch.is_sending and batch.is_over:
        _show_page(shell, batch, place)
        if place.headless:
            _raise(batch)
    elif place.headless:
        _show_headless(shell, batch, place, plan, seconds, blocks=blocks)
    else:
        _show_view(shell, batch, place, None, telling(shell, place, settings, flags))
        if blocks:
            batch.wait(seconds)


def display_batch(shell: Any, batch: Batch, place: Place) -> None:
    """Show a batch as it stands below the running cell; nothing new is asked."""
    if place.kernel is None:
        print(page_of(batch)["text/plain"])
        return
    if _last == (_run_of(place), batch):
        # This very cell made it, and shows it: a second plan would have a second button that spends.
        return
    batch.refresh()
    if place.headless or (batch.is_asked and batch.is_over):
        _show_page(shell, batch, place)
    else:
        _show_view(shell, batch, place, None if batch.is_asked else batch.plan, Telling())


def _blocks(wait: bool | None, place: Place, session: Session) -> bool:
    if wait is not None:
        return wait
    if place.headless:
        return not session.settings.parallel
    return bool(session.settings.wait)


def _show_view(shell: Any, batch: Batch, place: Place, plan: BatchPlan | None, told: Telling) -> None:
    view = _view(batch, place, told)
    view.show(shell, plan)
    if plan is None or any(each.job for each in batch.standings):
        view.begin()
    _remember(PlacedBatch(batch, None, place))


def _remember(placed: PlacedBatch) -> None:
    """Keep a batch until ``%pplx wait`` has completed its cell; what a painter has completed, or a newer run holds, is let go."""
    _placed[:] = [each for each in _placed if each.slot is not None or not _is_done_with(each, placed)]
    _placed.append(placed)


def _is_done_with(before: PlacedBatch, now: PlacedBatch) -> bool:
    batch = before.batch
    is_same = batch.id == now.batch.id
    if batch.is_asked:
        return batch.is_over or (is_same and now.batch.is_asked)
    return is_same or (now.place.cell != "" and before.place.cell == now.place.cell)


def _view(batch: Batch, place: Place, told: Telling) -> BatchView:
    view = BatchView(batch, Pin(place.kernel, place.parent), place, told)
    run = _run_of(place)
    cell = place.cell or view.upper.display_id
    # What an earlier run of this cell showed, and the oldest of too many: ipywidgets keeps every widget for ever.
    gone = [kept for kept in _views if kept[0] == cell and kept[1] != run]
    quiet = [kept for kept in _views if kept not in gone and not kept[2].is_live]
    surplus = len(_views) - len(gone) + 1 - _KEPT_VIEWS
    for each in [*gone, *quiet[: max(0, surplus)]]:
        _views.remove(each)
        each[2].close()
    _views.append((cell, run, view))
    batch.on_sent = _follow
    return view


def _follow(batch: Batch, bought: int) -> None:
    """Let the views of a batch be live again whose rows were asked; say in a cell that asked what that usually costs."""
    mine = [view for _, _, view in _views if view.batch is batch and not view.panel.is_gone]
    for view in mine:
        view.live_again()
    if threading.current_thread() is not threading.main_thread():
        # A click: its own view says it.
        return
    if bought:
        usually = range_of(batch.usual, bought)
        told = f", usually {usually} together" if usually else ""
        print(f"{batch.label}: {count(bought, 'question')} asked{told}.")
    if not mine:
        _show_here(batch)


def _show_here(batch: Batch) -> None:
    """Show a batch below the running cell whose own view is gone."""
    from IPython.core.getipython import get_ipython

    from pplx_jupyter.notebook.frontend import here

    shell = get_ipython()
    place = None if shell is None else here(shell, batch.session.settings)
    if place is not None and place.kernel is not None and not place.headless:
        _show_view(shell, batch, place, None, Telling())


def _run_of(place: Place) -> str:
    return str((place.parent.get("header") or {}).get("msg_id") or "")


def _show_page(shell: Any, batch: Batch, place: Place) -> None:
    if place.headless or place.voila or place.kernel is None:
        shell.display_pub.publish(data=page_of(batch), metadata=dict(metadata_of(batch)))
        note_page(batch, place)
        return
    _view(batch, place, Telling()).show_settled(shell)


def _show_headless(
    shell: Any, batch: Batch, place: Place, plan: BatchPlan, seconds: float | None, *, blocks: bool
) -> None:
    """Leave static outputs alone: no widget survives a run that nobody watches."""
    slot = Slot(f"pplx-{batch.id}-{secrets.token_hex(3)}-page", Pin(place.kernel, place.parent))
    if not blocks:
        slot.show(shell, forms.hint_forms(batch), metadata_of(batch))
        _remember(PlacedBatch(batch, slot, place))
        return
    slot.show(shell, {"text/plain": f"{_sent(batch, plan)}; waiting"}, metadata_of(batch))
    try:
        batch.wait(seconds)
    except BaseException:
        slot.update(page_of(batch) if batch.is_over else forms.hint_forms(batch), metadata_of(batch))
        raise
    slot.update(page_of(batch), metadata_of(batch))
    note_page(batch, place)
    _raise(batch)


def _sent(batch: Batch, plan: BatchPlan) -> str:
    usually = f", usually {plan.range} together" if plan.range else ""
    return f"{batch.label}: {count(len(batch), 'row')}, {plan.new} new{usually}"


def _block_in_terminal(batch: Batch, plan: BatchPlan, seconds: float | None) -> None:
    print(_sent(batch, plan))
    batch.wait(seconds)
    print(page_of(batch)["text/plain"])


def _raise(batch: Batch) -> None:
    """Fail a run that nobody watches where no row at all has an answer; a row that failed is marked in the frame."""
    standings = batch.standings
    if any(each.has_answer or each.word == "invalid" for each in standings):
        return
    reason = next((each.reason for each in standings if each.reason), "")
    raise JobFailed(f"batch {batch.label}: none of its {count(len(batch), 'row')} has an answer. {reason}")


# -- %pplx wait ---------------------------------------------------------------------------------


def placed_batches(session: Session) -> list[PlacedBatch]:
    """Give this kernel's batches that are under way, or want their final output, oldest first."""
    here = [
        each for each in _placed if each.batch.session.base_url == session.base_url and each.batch.is_asked
    ]
    return [each for each in here if each.slot is not None or not each.batch.is_over]


def wait_for_batches(session: Session, place: Place) -> list[PplxError]:
    """Wait for every batch of this kernel, and leave each page in its own cell; give what failed."""
    errors: list[PplxError] = []
    pin = Pin(place.kernel, place.parent)
    until = None if session.settings.timeout is None else time.monotonic() + session.settings.timeout
    for each in placed_batches(session):
        try:
            each.batch.wait(None if until is None else max(0.0, until - time.monotonic()))
            _raise(each.batch)
        except PplxError as error:
            errors.append(error)
            print(error)
        else:
            print(page_of(each.batch)["text/plain"].split("\n\n")[0])
        finally:
            if each.batch.is_over:
                each.publish(pin)
    _placed[:] = [each for each in _placed if not (each.batch.is_asked and each.batch.is_over)]
    return errors
