"""Where all rows of a batch stand, as the ledger was last read: what has changed since is all that is read again."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch.standing import Standing, standing_of
from pplx_jupyter.reuse import Seen
from pplx_jupyter.rows import answer_of, has_answer
from pplx_jupyter.schema import check

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session
    from pplx_jupyter.submission import Submission

__all__ = ["Standings"]

_RUN_SECONDS = 60.0
"""Within so long a run's questions are written down, however many."""


class Standings:
    """The standing of each question that was asked, by its fingerprint; from any thread.

    Parameters
    ----------
    session
        Whose ledger the jobs are in.
    schema
        What answers are checked against, or None.

    Attributes
    ----------
    is_asked
        Whether the questions have been asked; else what stands here was found in the ledger.
    """

    def __init__(self, session: Session, schema: Any) -> None:
        self.is_asked = False
        self._session = session
        self._schema = schema
        self._jobs: dict[str, str] = {}
        self._reused: set[str] = set()
        self._replaced: dict[str, None] = {}
        self._checked: dict[str, tuple[float | None, str]] = {}
        self._standings: dict[str, Standing] = {}
        self._seq = 0
        self._lock = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def take(self, submitted: Mapping[str, Submission], *, batch: str) -> None:
        """Note which job each question has, now that it is asked; what a run of this batch bought that goes on is not reused."""
        with self._lock:
            self._note(submitted, batch)
            self.is_asked = True

    def find(self, found: Mapping[str, Submission], *, is_all: bool, batch: str) -> None:
        """Note what the ledger has of questions that have not been asked; where it has all of them, nothing is left to ask."""
        with self._lock:
            if self.is_asked:
                return
            new = {
                fingerprint: each
                for fingerprint, each in found.items()
                if self._jobs.get(fingerprint) != each.row.id
            }
            # What others have asked in its place was not bought here.
            self._jobs = {each: job for each, job in self._jobs.items() if each in found and each not in new}
            self._note(new, batch)
            self.is_asked = is_all

    def _note(self, submitted: Mapping[str, Submission], batch: str) -> None:
        rows = [each.row for each in submitted.values() if not each.created]
        under_way = [row.created_at for row in rows if row.is_open and row.batch == batch]
        began = min(under_way, default=math.inf) - _RUN_SECONDS
        for fingerprint, each in submitted.items():
            row, before = each.row, self._jobs.get(fingerprint)
            if before is not None and before != row.id and before not in self._reused:
                self._replaced[before] = None
            self._jobs[fingerprint] = row.id
            self._reused.discard(row.id)
            if each.reused and not (row.batch == batch and row.created_at >= began):
                self._reused.add(row.id)
            # Its answer is looked at by the next refresh: what was bought is known first, whatever comes of that.
            self._standings[row.id] = standing_of(row, reused=row.id in self._reused)
            self._seq = min(self._seq, row.seq - 1)

    def refresh(self) -> bool:
        """Read what has changed; say whether anything has."""
        with self._lock:
            ids = set(self._standings)
            rows = self._session.ledger.changed(self._seq, ids) if ids else []
            found = {row.id: self._standing(row) for row in rows}
            # Noted when all of them are read: what an error kept from it is read again.
            self._standings.update(found)
            self._seq = max([self._seq, *(row.seq for row in rows)])
            return bool(rows)

    def of(self, fingerprints: Sequence[str]) -> list[Standing]:
        """Give where these questions stand as last read, in their order."""
        with self._lock:
            jobs = (self._jobs.get(fingerprint) for fingerprint in fingerprints)
            return [Standing() if each is None else self._standings[each] for each in jobs]

    @property
    def replaced(self) -> list[Standing]:
        """The jobs that were bought here and in whose place others have been asked since."""
        with self._lock:
            now = set(self._jobs.values())
            return [self._standings[job] for job in self._replaced if job not in now]

    def seen(self, words: Collection[str]) -> dict[str, Seen]:
        """Give what was seen of the questions that stand at one of these words, by their fingerprints."""
        with self._lock:
            found = {fingerprint: self._standings[job] for fingerprint, job in self._jobs.items()}
        return {
            fingerprint: Seen(standing.key, standing.ended)
            for fingerprint, standing in found.items()
            if standing.word in words
        }

    def is_reused(self, job_id: str) -> bool:
        """Whether a job's answer was in the ledger before."""
        return job_id in self._reused

    def _standing(self, row: Row) -> Standing:
        invalid = ""
        if self._schema is not None and has_answer(row):
            settled, invalid = self._checked.get(row.id, (None, ""))
            if settled is None or settled != row.settled_at:
                # Once an answer: reading a thousand again takes seconds.
                answer = answer_of(row, self._session.ledger.body(row.id))
                invalid = check(answer.json, self._schema)[1]
                self._checked[row.id] = row.settled_at, invalid
        return standing_of(row, reused=row.id in self._reused, invalid=invalid)
