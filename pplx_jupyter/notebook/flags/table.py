"""Which flags a research cell has: those made from Request's fields, and a few of the cell's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.fields.options import Option, SubOption

__all__ = ["CELL_FLAGS", "OPTIONS", "all_flags", "by_field", "choices_of", "option_of"]

CELL_FLAGS: Mapping[str, tuple[str, str]] = {
    "--refresh": ("switch", "Ask anew although an answer is there; that answer is kept."),
    "--after": (
        "job",
        "Ask a follow-up: the answer of this job, by NAME or id, and what it followed go before it.",
    ),
    "--max-age": ("age", "Ask anew where the answer is older, such as 30d; that answer is kept."),
    "--retry-failed": ("switch", "Buy a failed, cancelled or expired job again."),
    "--yes": (
        "switch",
        "Ask although it could pass the budget, this once; with --each ask without the plan.",
    ),
    "--dry-run": ("switch", "Show what would be sent and what it usually costs; send nothing."),
    "--frozen": ("switch", "Answer from the notebook's lockfile alone: no network, no key, no ledger."),
    "--wait": ("switch", "Block the cell until the answer is there."),
    "--no-wait": ("switch", "Return at once, in a headless run too."),
    "--timeout": ("seconds", "How long a blocking cell waits; the job goes on."),
    "--brief": ("switch", "Fold all sections of the answer but the first."),
    "--each": ("frame", "Ask once for each row of this data frame, or list of dicts; NAME gets the Batch."),
    "--at-once": ("count", "With --each: how many questions are under way at the same time, at most."),
    "--schema": (
        "shape",
        'The answer as data: "name, revenue: float, founded: int", a JSON schema, a pydantic model.',
    ),
    "--notify-me": ("switch", "Tell on the desktop when the answer is there."),
    "--sound": ("switch", "Let two soft notes sound when the answer is there."),
    "--no-template": ("switch", "Send {{ }} in the prompt as it stands."),
    "--interact": ("names", "Show a control for each of these {{ name }}; a click asks."),
    "--options": ("json", "Options by their full names, as JSON: what no flag can say."),
}
"""Flags of the cell that are no part of the question: their kind and what they do."""

OPTIONS = "--options"


def all_flags() -> dict[str, str]:
    """Give every flag of a research cell with its one sentence, the question's first."""
    flags: dict[str, str] = {}
    for option in Request.options():
        if option.flag:
            flags[option.flag] = option.help
        for sub in option.sub_options:
            flags[sub.flag] = sub.help
    flags.update({flag: text for flag, (_, text) in CELL_FLAGS.items()})
    return flags


def choices_of(flag: str) -> tuple[str, ...]:
    """Give the values that a flag may have, where they are few."""
    found = option_of(flag)
    return found.choices if found is not None else ()


def option_of(flag: str) -> Option | SubOption | None:
    """Give what a flag sets of the question; None for a flag of the cell's own, or of nobody's."""
    for option in Request.options():
        if option.flag == flag:
            return option
        for sub in option.sub_options:
            if sub.flag == flag:
                return sub
    return None


def by_field() -> dict[str, str]:
    """Give the flag of each field spelt as a flag: people know the service's own names."""
    return {"--" + o.name.replace("_", "-"): o.flag for o in Request.options() if o.flag}
