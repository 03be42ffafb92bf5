"""A batch in its permanent forms: plan, hint while it is under way, and the table of its rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pplx_jupyter.batch import words
from pplx_jupyter.batch.standing import ASKED_ANEW, NEEDS_YOU
from pplx_jupyter.render import as_markdown, as_plain, wrap
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.pieces import Bold, Code, Note, Sentence, html, markdown, note_parts, plain_text
from pplx_jupyter.render.style import SMALL
from pplx_jupyter.render.words import code_span, count, day_time, keep, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.batch.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.standing import Standing
    from pplx_jupyter.batch.words import Line

__all__ = [
    "error_forms",
    "final_forms",
    "forms_of",
    "hint_forms",
    "plan_forms",
    "rows_html",
    "unsent_forms",
    "unsent_words",
]

_MOST_ROWS = 200
"""Rows that a saved notebook holds, and as many more of those that need a look; the frame has all."""

_SIMULATED = Note(
    "!",
    "warn",
    "Simulated answers: written by the simulator, not by Perplexity.",
    ("Their texts, sources and figures are invented. Nothing was billed.",),
)


def forms_of(batch: Batch) -> dict[str, str]:
    """Give a batch in the three forms, as it stands."""
    if not batch.is_asked:
        plan = plan_forms(batch, batch.plan)
        return _joined(plan, _known_forms(batch)) if _is_known(batch) else plan
    return _joined(*final_forms(batch))


def _joined(*parts: dict[str, str]) -> dict[str, str]:
    return {
        kind: ("" if kind == "text/html" else "\n\n").join(each[kind] for each in parts) for kind in parts[0]
    }


def _is_known(batch: Batch) -> bool:
    """Whether the ledger has any row of a batch."""
    return any(each.job for each in batch.standings)


def unsent_words(batch: Batch) -> str:
    """Say of a plan that nothing was sent; of rows that were paid for before, that nothing was sent now."""
    return f"Nothing has been sent or billed{' now' if _is_known(batch) else ''}."


def plan_forms(batch: Batch, plan: BatchPlan) -> dict[str, str]:
    """Give the plan in the three forms: nothing is sent, and how it would be."""
    how: Sentence = (
        f"{unsent_words(batch)} To ask without this plan: ",
        Code("--yes"),
        ", in Python ",
        Code("yes=True"),
        ".",
    )
    if plan.refusal is not None:
        how = (f"{unsent_words(batch)} Raise the budget: ", Code(plan.refusal.remedy), ".")
    return _paragraphs((Bold(f"{plan.headline}."),), (plan.details,), how, small=(words.ident(batch),))


def unsent_forms(batch: Batch) -> dict[str, str]:
    """Give what stands below a plan, all that a file saved before the click keeps: what the ledger has of the rows."""
    if _is_known(batch):
        return _known_forms(batch)
    return _paragraphs(
        small=(
            f"{count(len(batch), 'row')}, not asked yet: nothing was sent or billed. Run this cell again to see the plan.",
        )
    )


def _known_forms(batch: Batch) -> dict[str, str]:
    left = batch.tally.words["not asked"]
    unasked = f"{count(left, 'row')} not asked: nothing" if left else "Nothing"
    last = _paragraphs(small=(f"{unasked} was sent or billed now. Run this cell again to see the plan.",))
    return _joined(*final_forms(batch), last)


def error_forms(said: str) -> dict[str, str]:
    """Give a line that says why a click came to nothing."""
    return _paragraphs((Bold(said),))


def hint_forms(batch: Batch) -> dict[str, str]:
    """Give the static line below the panel of a batch under way: all that a file saved too early keeps."""
    asked = f", asked {day_time(words.moment(batch.started), seconds=True)}" if batch.started else ""
    name: Sentence = ("Batch ", Code(batch.name), f" ({batch.id})") if batch.name else (f"Batch {batch.id}",)
    # With --refresh what is settled by then would be bought anew.
    first = "take --refresh away and " if batch.asking.refresh else ""
    line = (
        *name,
        f"{asked}: {count(len(batch), 'row')}. If nothing moves above, {first}run this cell again: it goes on with the same rows, and buys none twice.",
    )
    return _paragraphs(small=line)


def final_forms(batch: Batch) -> tuple[dict[str, str], dict[str, str]]:
    """Give the line of state and money, and the table, each in the three forms; for a batch under way, as it stands."""
    standings, tally, now = batch.standings, batch.tally, time.time()
    if batch.is_over:
        mine = [each for each in standings if each.ended and each.saved is None]
        # One clock with the panel's: what an earlier run asked took its time before this one began.
        began = batch.started or min((each.started for each in mine), default=0.0)
        took = max((each.ended or 0.0 for each in mine), default=0.0) - began
        headline, rest = words.settled_words(
            tally, took, frozen=batch.session.frozen, simulated=batch.is_simulated
        )
        glyph, tone = ("!", "warn") if tally.needs_you or tally.waiting else ("✓", "ok")
    else:
        glyph, tone, headline = words.state_words(batch, tally, batch.paused)
        rest = words.sums(tally, simulated=batch.is_simulated)
    state = {
        "text/html": wrap(
            f'<p dir="ltr" style="margin:0"><span class="pplx-g {tone}">{glyph}</span> <b>{escape(headline)}</b>'
            f' <span class="pplx-m">{escape(keep(rest))}</span></p>'
        ),
        "text/markdown": f"**{as_markdown.escape(headline)}** {as_markdown.escape(rest)}",
        "text/plain": as_plain.wrap(
            f"{glyph} {batch.label}: {headline[0].lower()}{headline[1:]} {rest}", as_plain.COLUMNS, "  "
        ),
    }
    if batch.is_simulated:
        banner = note_parts(_SIMULATED)
        state = {
            "text/html": wrap(banner["text/html"]) + state["text/html"],
            **{kind: f"{banner[kind]}\n\n{state[kind]}" for kind in ("text/markdown", "text/plain")},
        }
    return state, _table_forms(batch, standings, now)


def _table_forms(batch: Batch, standings: Sequence[Standing], now: float) -> dict[str, str]:
    # Who cancels a batch knows why its rows gave no answer.
    look = [n for n, each in enumerate(standings) if each.word in NEEDS_YOU and each.word != "cancelled"]
    look = [n for n in look if n >= _MOST_ROWS]
    wanted = [*range(min(_MOST_ROWS, len(standings))), *look[:_MOST_ROWS]]
    lines = words.lines_of(batch, standings, wanted, now)
    below: list[Sentence] = []
    if len(wanted) < len(standings):
        unseen = f", {len(look) - _MOST_ROWS:,} of them without an answer" if len(look) > _MOST_ROWS else ""
        more = count(len(standings) - len(wanted), "more row")
        below.append((f"{more}{unseen}: ", Code(f"{batch.handle}.frame()"), "."))
    failed = sum(each.word in ASKED_ANEW for each in standings)
    if failed and batch.is_over:
        noun = "the row" if failed == 1 else f"the {failed} rows"
        below.append(
            (
                f"Ask {noun} without an answer anew: ",
                Code(f"{batch.handle}.retry_failed()"),
                ", a new purchase.",
            )
        )
    if batch.is_over:
        below.append(("All rows as a data frame: ", Code(f"{batch.handle}.frame()"), "."))
    foot = " · ".join(
        each for each in (words.ident(batch).partition(" · asked ")[0], words.when_over(standings)) if each
    )
    label, usd = _label(batch), words.usd(batch)
    return {
        "text/html": wrap(
            rows_html(label, lines, usd)
            + "".join(f"<p>{html(each)}</p>" for each in below)
            + f'<p class="pplx-m" {SMALL}>{escape(keep(foot))}</p>'
        ),
        "text/markdown": "\n\n".join(
            [_markdown(label, lines, usd), *map(markdown, below), as_markdown.start(as_markdown.escape(foot))]
        ),
        "text/plain": "\n".join([_plain(label, lines, usd), *map(plain_text, below), foot]),
    }


def _label(batch: Batch) -> str:
    """Give the column that the rows are called by."""
    used = batch.questions[0].filled
    return one_line(next((name for name in batch.table.columns if name in used), batch.table.columns[0]), 40)


def rows_html(label: str, lines: Sequence[Line], usd: str) -> str:
    """Give the table of rows as HTML, with second lines in place of more columns; `usd` is the head of the last."""
    # On a narrow page each pixel beside the reason is one that the reason lacks.
    right, left = (f'style="text-align:{side};padding:5px 9px 5px 0"' for side in ("right", "left"))
    first, _, mark = usd.partition(", ")
    names = (
        ("Row", right),
        (f"{escape(label)}, answer or reason", left),
        # Where there is room, on one line; a share of nothing is nothing.
        ("State, time", left.replace("text-align", "width:18%;text-align")),
        # The mark is no wider than "unknown" below it: on a narrow page nothing is pushed out of sight.
        (f"{first}<br>{_small(mark)}" if mark else first, right),
    )
    head = f"<tr>{''.join(f'<th {style}>{name}</th>' for name, style in names)}</tr>"
    body = "".join(_row_html(line, right, left) for line in lines)
    return f'<div class="pplx-x"><table style="width:100%"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _small(text: str) -> str:
    return f'<span class="pplx-m" style="font-weight:400">{escape(text)}</span>'


def _row_html(line: Line, right: str, left: str) -> str:
    glyph, tone = words.GLYPHS[line.word]
    first, code, rest = line.told.rpartition(" · ")
    is_code = line.told.endswith("]") and ".answer[" in rest
    # It may break before the number, as a long name anywhere, or the last column is out of sight on a narrow page.
    label = left.replace("text-align", "overflow-wrap:anywhere;min-width:6.5em;text-align")
    handle = escape(rest).replace(".answer[", ".<wbr>answer[")
    told = f"{escape(first)}{code}<code>{handle}</code>" if is_code else escape(line.told)
    state = f'<span class="pplx-g {tone}">{glyph}</span> {escape(line.word)}'
    took = f'<br><span class="pplx-m"><span class="pplx-g"></span> {line.time}</span>' if line.time else ""
    return (
        f'<tr><td {right}>{line.number}</td><td {label} dir="auto">{escape(line.label)}<br><span class="pplx-m">{told}</span></td>'
        f'<td {left}><span style="white-space:nowrap">{state}</span>{took}</td>'
        f'<td {right}><span style="white-space:nowrap">{escape(line.usd)}</span></td></tr>'
    )


def _markdown(label: str, lines: Sequence[Line], usd: str) -> str:
    head = f"| Row | {as_markdown.escape(label)} | State | Time | {usd} | Answer or reason |\n|--:|:--|:--|--:|--:|:--|"
    return "\n".join([head, *(f"| {' | '.join(_cells_markdown(line))} |" for line in lines)])


def _cells_markdown(line: Line) -> list[str]:
    word = f"**{line.word}**" if line.word in NEEDS_YOU else line.word
    first, joint, rest = line.told.rpartition(" · ")
    is_code = line.word == "done" and ".answer[" in rest
    told = (
        f"{as_markdown.escape(first)}{', ' if joint else ''}{code_span(rest)}"
        if is_code
        else as_markdown.escape(line.told)
    )
    return [str(line.number), as_markdown.escape(line.label), word, line.time, line.usd, told]


def _plain(label: str, lines: Sequence[Line], usd: str) -> str:
    rows = [("row", label, "state", "time", usd, "answer or reason")]
    rows += [
        (
            str(line.number),
            line.label[:24],
            line.word.upper() if line.word in NEEDS_YOU else line.word,
            line.time,
            line.usd,
            line.told,
        )
        for line in lines
    ]
    widths = [max(as_plain.width(row[n]) for row in rows) for n in range(5)]
    return "\n".join(_plain_row(row, widths) for row in rows)


def _plain_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        " " * (width - as_plain.width(text)) + text
        if n in {0, 3}
        else text + " " * (width - as_plain.width(text))
        for n, (text, width) in enumerate(zip(row, widths, strict=False))
    ]
    return "  ".join([*cells, row[5]]).rstrip()


def _paragraphs(*sentences: Sentence, small: Sentence = ()) -> dict[str, str]:
    shown = [f'<p style="margin:0 0 8px">{html(each)}</p>' for each in sentences]
    shown += [f'<p class="pplx-m" {SMALL}>{html(small)}</p>'] if small else []
    every = [*sentences, *([small] if small else [])]
    return {
        "text/html": wrap("".join(shown)),
        "text/markdown": "\n\n".join(markdown(each) for each in every),
        "text/plain": "\n".join(as_plain.wrap(plain_text(each), as_plain.COLUMNS) for each in every),
    }
