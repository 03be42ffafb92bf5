"""Where a batch stands: each row in a few words, and the sums of all. Pure functions of the ledger's rows."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.expected import expected_of
from pplx_jupyter.ledger.gate import is_parked
from pplx_jupyter.ledger.times import began, sent_at
from pplx_jupyter.render import failure_note
from pplx_jupyter.render.words import one_line
from pplx_jupyter.rows import failure_of, has_answer, receipt_of
from pplx_jupyter.schema import UNCHECKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Row

__all__ = [
    "ASKED_ANEW",
    "NEEDS_YOU",
    "OPEN",
    "UNDER_WAY",
    "Standing",
    "Tally",
    "first_rows",
    "standing_of",
    "tally_of",
]

UNDER_WAY = ("sending", "running")
OPEN = ("waiting", *UNDER_WAY, "stuck")
"""Words of rows that are asked, and not over."""

NEEDS_YOU = ("failed", "invalid", "unconfirmed", "expired", "cancelled", "stuck")
"""Words of rows that gave no answer, or one that does not fit."""

ASKED_ANEW = ("failed", "invalid", "expired", "cancelled")
"""Words of rows that may be asked anew: of the others it is not known whether they were billed, or they go on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """One row at one moment.

    Attributes
    ----------
    batch
        Id of the batch whose gate lets it out: of equal questions in two batches, one of these.
    backend
        The API that it is asked on.
    word
        ``not asked``, ``waiting``, ``sending``, ``running``, ``done``, ``ledger`` (answered before), or
        one of `NEEDS_YOU`.
    reason
        Why it gave no answer, or has one that does not fit.
    cost
        US dollars, None where not known.
    saved
        What the answer cost when it was bought, where it was there before.
    high, low
        What it is expected to cost while it is open.
    started, ended
        Seconds since the epoch.
    """

    job: str = ""
    batch: str = ""
    backend: str = ""
    key: str = ""
    seq: int = 0
    word: str = "not asked"
    reason: str = ""
    cost: float | None = None
    estimated: bool = False
    saved: float | None = None
    low: float | None = None
    high: float = 0.0
    started: float = 0.0
    ended: float | None = None
    sources: int = 0
    searches: int = 0
    can_hold_cost: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.word in {"done", "ledger", *NEEDS_YOU} and self.word != "stuck"

    @property
    def has_answer(self) -> bool:
        """Whether it has an answer that fits."""
        return self.word in {"done", "ledger"}


def standing_of(row: Row, *, reused: bool, invalid: str = "") -> Standing:
    """Give where a row stands.

    Parameters
    ----------
    reused
        The answer was there before this batch asked.
    invalid
        Why the answer has not the shape that was asked for.
    """
    usual = expected_of(row.expected, row.backend, row.asked_model or row.model)
    word, reason = _word(row, reused=reused), ""
    if word in NEEDS_YOU:
        reason = _reason(row)
    elif invalid and word in {"done", "ledger"}:
        unfit = "" if invalid.startswith(UNCHECKED) else "does not fit the schema: "
        word, reason = "invalid", f"{unfit}{one_line(invalid, 200)}"
    return Standing(
        job=row.id,
        batch=row.batch,
        backend=row.backend,
        key=row.idempotency_key,
        seq=row.seq,
        word=word,
        reason=reason,
        cost=0.0 if reused and row.cost is not None else row.cost,
        estimated=row.cost_estimated,
        saved=row.cost if reused else None,
        low=usual.low,
        high=usual.set_aside,
        started=began(row),
        ended=row.settled_at,
        sources=int(row.progress.get("sources") or 0),
        searches=int(row.progress.get("searches") or 0),
        can_hold_cost=sent_at(row) is not None,
    )


def _word(row: Row, *, reused: bool) -> str:
    if row.is_open:
        if failure_of(row) is not None:
            return "stuck"
        if row.state == "submitting":
            return "waiting" if is_parked(row.due_at) or row.sending_at is None else "sending"
        return "running"
    if has_answer(row):
        return "ledger" if reused else "done"
    return row.state if row.state in NEEDS_YOU else "failed"


def _reason(row: Row) -> str:
    failure = failure_of(row)
    if failure is None:
        return ""
    said = one_line(failure.said, 200)
    if failure.kind == "failed":
        return f"Perplexity could not finish it{f': “{said}”' if said else ''}"
    what = one_line(failure_note(failure, receipt_of(row)).what, 300).rstrip(".")
    return f"{what}: “{said}”" if said and said not in what else what


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """The sums of a batch; rows that ask the same count as one purchase.

    Attributes
    ----------
    words
        How many rows stand at each word.
    spent, saved
        US dollars that are known.
    low, high
        What is to come: the usual range of what is open or waiting; low is None where it is not known.
    bought, unknown, to_come
        Questions that were billed a known amount, an unknown one, and those that are open.
    replaced
        Those of the unknown ones in whose place a row has been asked anew.
    anew
        Questions that asking anew what failed would buy.
    waiting_low, waiting_high
        What is to come of the rows that wait for their turn.
    questions
        How many different questions stand at each word; none of those that were not asked.
    """

    rows: int
    words: Counter[str]
    spent: float
    estimated: bool
    saved: float
    low: float | None
    high: float
    bought: int
    unknown: int
    to_come: int
    replaced: int = 0
    anew: int = 0
    waiting_low: float | None = 0.0
    waiting_high: float = 0.0
    questions: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def over(self) -> int:
        """How many rows are settled."""
        return sum(self.words[word] for word in ("done", "ledger", *NEEDS_YOU) if word != "stuck")

    @property
    def needs_you(self) -> int:
        """How many rows gave no answer that fits."""
        return sum(self.words[word] for word in NEEDS_YOU)

    @property
    def under_way(self) -> int:
        """How many rows are with the service."""
        return sum(self.words[word] for word in OPEN if word != "waiting")

    @property
    def waiting(self) -> int:
        """How many rows have not been sent."""
        return self.words["waiting"]

    @property
    def failed(self) -> int:
        """How many rows may be asked anew."""
        return sum(self.words[word] for word in ASKED_ANEW)


def first_rows(standings: Sequence[Standing]) -> list[int]:
    """Give for each row the number (from 0) of the first that has the same job: that one was bought."""
    firsts: dict[str, int] = {}
    return [
        firsts.setdefault(each.job, number) if each.job else number for number, each in enumerate(standings)
    ]


def tally_of(standings: Sequence[Standing], replaced: Sequence[Standing] = ()) -> Tally:
    """Add up where the rows of a batch stand.

    Parameters
    ----------
    replaced
        Jobs of this batch in whose place a row has been asked anew: they, too, were paid for.
    """
    once = {each.job: each for each in (*replaced, *standings) if each.job}.values()
    still = [each for each in once if not each.is_over]
    waits = [each for each in still if each.word == "waiting"]
    known = [each for each in once if each.is_over and each.saved is None and each.cost is not None]
    unknown = [each.job for each in once if _is_unknown(each)]
    return Tally(
        rows=len(standings),
        words=Counter(each.word for each in standings),
        spent=sum(each.cost or 0.0 for each in known),
        estimated=any(each.estimated for each in known),
        saved=sum(each.saved or 0.0 for each in once),
        low=_low(still),
        high=sum(each.high for each in still),
        bought=len(known),
        unknown=len(unknown),
        to_come=len(still),
        replaced=len({*unknown} & {each.job for each in replaced}),
        anew=len({each.job for each in standings if each.word in ASKED_ANEW}),
        waiting_low=_low(waits),
        waiting_high=sum(each.high for each in waits),
        questions=Counter({each.job: each.word for each in standings if each.job}.values()),
    )


def _low(standings: Sequence[Standing]) -> float | None:
    lows = [each.low for each in standings]
    return None if None in lows else sum(low for low in lows if low is not None)


def _is_unknown(standing: Standing) -> bool:
    return standing.is_over and standing.cost is None and standing.can_hold_cost and standing.saved is None
