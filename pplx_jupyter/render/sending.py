"""What stands in a cell whose question was not sent: over a budget, or only tried out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplx_jupyter.render import as_markdown, clean, pieces
from pplx_jupyter.render.pieces import Code, Note, Sentence, note_forms, note_parts
from pplx_jupyter.render.style import wrap
from pplx_jupyter.render.words import count, money, one_line, plain, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["budget_forms", "dry_run_forms"]

_LONGEST_VALUE = 300
# The prompt is one line of JSON.
_WRAPPED = 'style="white-space:pre-wrap;overflow-wrap:anywhere"'


def budget_forms(
    *,
    whose: str,
    amount: float,
    spent: float,
    set_aside: float,
    running: int,
    unknown: int,
    left: float,
    usual: str,
    remedy: str,
    cheaper: tuple[str, str] | None = None,
    others: Sequence[float] = (),
    ident: str = "",
    simulated: bool = False,
) -> dict[str, str]:
    """Give the note of a question that could pass a budget; amounts in US dollars.

    Parameters
    ----------
    whose
        Whose budget it is: ``of this notebook``.
    running, unknown
        How many jobs the amount that is set aside is for: under way, and of unknown cost.
    usual
        What such a question usually costs, such as ``0.45–1.10 USD``, or an empty text.
    remedy
        The command, or the setting, that raises the budget.
    cheaper
        A flag that makes it cheaper, and what it usually costs then; where one is known.
    others
        What all questions of this notebook that did not fit, this one included, could cost each;
        empty where it is the only one.
    simulated
        The simulator answered what is spent: nobody was billed.
    """
    kept_for = " and ".join(
        part
        for part in (
            count(running, "running job") if running else "",
            f"{count(unknown, 'job')} of unknown cost" if unknown else "",
        )
        if part
    )
    aside = f"set aside for {kept_for} {money(set_aside)}, " if kept_for else ""
    costs = f"This question usually costs {usual}." if usual else "What this question costs is not known yet."
    bullets: list[Sentence] = [
        (
            f"Spent {money(spent)}{' (simulated)' if simulated and spent else ''}, {aside}left {money(left)}. {costs}",
        ),
        ("Ask it this once: add ", Code("--yes")),
        ("Raise the budget: ", Code(remedy)),
    ]
    if others:
        together = count(len(others), "question")
        bullets.append(
            (f"With this one, {together} of this notebook did not fit, up to {money(sum(others))} together.",)
        )
    elif cheaper is not None:
        bullets.append(("Cheaper: ", Code(cheaper[0]), f" (usually {cheaper[1]})"))
    what = f"Not sent: it could pass the budget {whose}, {money(amount)}."
    return note_forms(Note("!", "warn", what, ("Nothing was billed.",), "", bullets, ident))


def dry_run_forms(
    *,
    what: str,
    money_words: str,
    sentences: Sequence[Sentence],
    filled: Mapping[str, str],
    payload: Mapping[str, Any],
    path: str,
    when: Sentence = (),
) -> dict[str, str]:
    """Give what a question would send, in the three forms.

    Parameters
    ----------
    what, money_words
        The headline: what would happen, and what it means for the money.
    sentences
        What is known besides: the usual range, the budget.
    filled
        The values that took the places of ``{{ name }}``.
    payload
        The body of the request.
    path
        Where it would go, such as ``POST /v1/async/sonar``.
    when
        A few words before that, where it would not go now, such as ``Only --refresh would send: ``.
    """
    bullets = [
        *sentences,
        *((Code(f"{{{{ {name} }}}}"), " is ", _short(value)) for name, value in filled.items()),
    ]
    note = Note("○", "info", what, (money_words,), "", bullets)
    parts = note_parts(note)
    text = plain(json.dumps(payload, ensure_ascii=False, indent=2, default=str))
    above: Sentence = (*when, Code(path))
    return pieces.forms(
        wrap(
            f"{parts['text/html']}<p>{pieces.html(above)}</p><pre {_WRAPPED}><code>{clean.code(text)}</code></pre>"
        ),
        "\n\n".join([parts["text/markdown"], pieces.markdown(above), as_markdown.fence(text, "json")]),
        "\n\n".join([parts["text/plain"], pieces.plain_text(above), text]),
    )


def _short(value: str) -> str:
    return shorten(one_line(value), _LONGEST_VALUE)
