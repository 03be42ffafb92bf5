"""The note above an answer that the ledger could not take: it is here, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Code, Note, Sentence, forms, note_forms
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.receipt import Receipt

__all__ = ["unwritten_forms"]


def unwritten_forms(
    receipt: Receipt,
    why: str,
    *,
    kept_as: str = "",
    above: Mapping[str, str] | None = None,
    below: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give the note that an answer is not in the ledger yet, in three forms.

    Parameters
    ----------
    why
        Such as ``disk full``.
    kept_as
        The service's id of the job.
    above, below
        Forms that it stands below, or above; empty ones are left out.
    """
    parts = [above or {}, note_forms(_note(receipt, why, kept_as)), below or {}]

    def joined(form: str, between: str) -> str:
        return between.join(filter(None, (part.get(form) for part in parts)))

    return forms(joined("text/html", ""), joined("text/markdown", "\n\n"), joined("text/plain", "\n\n"))


def _note(receipt: Receipt, why: str, kept_as: str) -> Note:
    handle = receipts.handle(receipt)
    file = receipt.name if receipt.name.isidentifier() else one_line(receipt.job_id, 80)
    bullets: list[Sentence] = [
        ("It is written by itself as soon as that is possible, while this kernel runs.",)
    ]
    if kept_as:
        bullets.append(("Perplexity keeps it for 7 days, as ", Code(one_line(kept_as, 120)), "."))
    return Note(
        "!",
        "warn",
        f"Answered, but not written to the ledger ({one_line(why, 200)}).",
        ("Save it now: ", Code(f'{handle}.answer.save("{file}.json")'), "."),
        bullets=bullets,
    )
