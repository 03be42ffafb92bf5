"""A lockfile as a ledger: what a frozen run reads in place of the record.

Nothing in it is under way and nothing can be written, so that whatever works on a ledger (a Job, a
view, the verbs) works on it unchanged, and sends nothing.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import lockfile
from pplx_jupyter.ledger.records import Attempts, Decision, Draft, Owner, Row
from pplx_jupyter.ledger.wanted import Found
from pplx_jupyter.ledger.words import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pplx_jupyter.ledger.budgets import Budget, Refusal, Sums
    from pplx_jupyter.ledger.expected import Past
    from pplx_jupyter.ledger.gate import Gate
    from pplx_jupyter.ledger.records import Adoptable
    from pplx_jupyter.ledger.wanted import Spent, Wanted

__all__ = ["LockfileLedger", "open_lockfile"]


class LockfileLedger:
    """A `pplx_jupyter.ledger.Ledger` that only reads.

    Parameters
    ----------
    path
        The lockfile.

    Raises
    ------
    LedgerError
        It cannot be read, is of a newer version, or was changed after it was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lockfile = lockfile.read(path)
        self._entries = {str(entry["job"]): entry for entry in self.lockfile.entries}
        self._rows = {
            job_id: lockfile.row_of(entry, notebook=self.lockfile.notebook, seq=seq)
            for seq, (job_id, entry) in enumerate(self._entries.items(), start=1)
        }

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def salt(self) -> str:
        """Nothing: no account is ever named here."""
        return ""

    def attempts(self, fingerprint: str, base_url: str, backend: str | None = None) -> Attempts:
        """Give the newest answer to a question, of this API where it has one; its address does not matter."""
        found = [row for row in self._newest_first() if row.fingerprint == fingerprint]
        best = next((row for row in found if row.backend == backend), found[0] if found else None)
        return Attempts(best, best)

    def answered(self, fingerprint: str, base_url: str) -> list[Row]:
        """Give the answers to a question, newest first; its address does not matter."""
        return [row for row in self._newest_first() if row.fingerprint == fingerprint]

    def get(self, job_id: str) -> Row | None:
        """Give the row of this id."""
        return self._rows.get(job_id)

    def find(self, text: str) -> list[Row]:
        """Give the rows whose id begins with, or whose name or remote id is, this text; newest first."""
        return [
            row
            for row in self._newest_first()
            if row.id.startswith(text) or text in {row.name, row.remote_id}
        ]

    def body(self, job_id: str) -> str | None:
        """Give a job's body, its keys in order."""
        entry = self._entries.get(job_id)
        return None if entry is None else lockfile.body_of(entry)

    def changed(self, after: int, ids: Iterable[str] | None = None) -> list[Row]:
        """Give the rows with a number over `after`: none ever changes."""
        wanted = None if ids is None else set(ids)
        rows = [row for row in self._rows.values() if row.seq > after]
        return [row for row in rows if wanted is None or row.id in wanted]

    def jobs(
        self,
        *,
        states: Sequence[str] | None = None,
        notebook: str | None = None,
        cell: str | None = None,
        base_url: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Row]:
        """Give rows, newest first."""
        rows = [
            row
            for row in self._newest_first()
            if (states is None or row.state in states)
            and (notebook is None or row.notebook == notebook)
            and (cell is None or row.cell == cell)
        ]
        return rows[offset : offset + limit]

    def found(self, wanted: Wanted, *, limit: int = 50, offset: int = 0) -> Found:
        """Find answers, newest first; what they cost is not counted, since a frozen run costs nothing."""
        rows = [row for row in self._newest_first() if wanted.fits(row, text_of(row, self.body(row.id)))]
        return Found(rows[offset : offset + limit], len(rows), 0.0, 0.0, 0)

    def read_in(self, seconds: float) -> int:
        """Do nothing: a search reads the whole file."""
        return 0

    def spent(self, base_url: str, since: float | None = None, until: float | None = None) -> list[Spent]:
        """Give nothing: a frozen run costs nothing."""
        return []

    def write(
        self,
        job_id: str,
        changes: Mapping[str, Any],
        *,
        body: str | None = None,
        owner: str | None = None,
        states: Sequence[str] | None = None,
    ) -> Row | None:
        """Give a row another name until this process ends; refuse to write anything else."""
        row = self._rows.get(job_id)
        if row is None or (states is not None and row.state not in states):
            return None
        if body is not None or set(changes) != {"name"}:
            self._refuse()
        self._rows[job_id] = dataclasses.replace(row, name=str(changes["name"]))
        return self._rows[job_id]

    def forms(self, job_id: str, version: str) -> Mapping[str, Any] | None:
        """Give nothing: the forms are made anew, so that the versions at hand decide what they are."""
        return None

    def rename(self, job_id: str, name: str) -> Row | None:
        """Give a row another name until this process ends."""
        return self.write(job_id, {"name": name})

    def keep_forms(self, job_id: str, version: str, forms: Mapping[str, Any]) -> None:
        """Keep nothing: it would only save time."""

    def pictures(self, job_id: str) -> Mapping[str, bytes]:
        """Give the images that the lockfile has of an answer, by their addresses."""
        entry = self._entries.get(job_id)
        return {} if entry is None else lockfile.pictures_of(entry)

    def attempts_of(
        self, fingerprints: Sequence[str], base_url: str, backend: str | None = None
    ) -> dict[str, Attempts]:
        """Give the newest answer to each of these questions that it has."""
        found = {each: self.attempts(each, base_url, backend) for each in fingerprints}
        return {each: attempts for each, attempts in found.items() if attempts.best is not None}

    def intend_all(
        self,
        drafts: Sequence[Draft],
        decide: Callable[[Attempts], Decision],
        *,
        gate: Gate,
        budget: float | None = None,
    ) -> list[tuple[Row, Decision]]:
        """Refuse."""
        self._refuse()

    def intend_again(
        self, job_id: str, changes: Mapping[str, Any], *, budget: float | None = None, allowed: bool = False
    ) -> Row | None:
        """Refuse."""
        self._refuse()

    def gate(self, batch: str) -> Gate | None:
        """Give nothing: no batch is ever under way here."""
        return None

    def set_gate(self, batch: str, gate: Gate, job_ids: Sequence[str] = ()) -> None:
        """Refuse."""
        self._refuse()

    def release(self, account: str, now: float) -> int:
        """Let nothing out."""
        return 0

    def drop_parked(self, job_ids: Sequence[str], changes: Mapping[str, Any]) -> int:
        """Drop nothing: none waits."""
        return 0

    def note_shown(self, job_ids: Sequence[str], now: float) -> None:
        """Note nothing: it is only read."""

    def free_at(self, account: str, backend: str, now: float) -> float:
        """Give now."""
        return now

    def slow_down(self, account: str, backend: str, now: float, told: float | None) -> None:
        """Refuse."""
        self._refuse()

    def keep_pictures(self, job_id: str, pictures: Mapping[str, bytes]) -> None:
        """Refuse: nothing is ever fetched."""
        self._refuse()

    def past(self, base_url: str, backend: str, model: str, effort: str, limit: int) -> list[Past]:
        """Give nothing: a frozen run tells no usual cost."""
        return []

    def totals(self, scope: str, base_url: str, key: str | None = None) -> dict[str, Sums]:
        """Give nothing: a frozen run costs nothing."""
        return {}

    def budgets(self) -> list[Budget]:
        """Give nothing: a frozen run needs none."""
        return []

    def refusal(
        self,
        notebook: str,
        run: str,
        base_url: str,
        expected: Mapping[str, Any],
        budget: float | None,
    ) -> Refusal | None:
        """Give None: no budget refuses what is not sent."""
        return None

    def under_way(self, accounts: Sequence[str], now: float) -> tuple[int, float | None]:
        """Say that nothing is under way."""
        return 0, None

    def unshown(self, notebook: str, base_url: str, limit: int) -> list[Row]:
        """Give nothing: what is frozen was shown before."""
        return []

    def first(self, what: str) -> bool:
        """Give False: what was to be done once was done when it was asked."""
        return False

    def listing_due(self, account: str, now: float, every: float) -> bool:
        """Give False: nothing is asked."""
        return False

    def adopt(self, found: Sequence[Adoptable], account: str, base_url: str) -> list[Row] | None:
        """Refuse."""
        self._refuse()

    def owners(self) -> list[Owner]:
        """Give nobody."""
        return []

    def retired_until(self, account: str) -> float | None:
        """Give None: nothing is asked."""
        return None

    def close(self) -> None:
        """Do nothing: the file is read once."""

    def intend(
        self,
        draft: Draft,
        decide: Callable[[Attempts], Decision],
        *,
        budget: float | None = None,
        allowed: bool = False,
    ) -> tuple[Row, Decision]:
        """Refuse: no question can be added."""
        self._refuse()

    def rehold(
        self,
        job_id: str,
        expected: Mapping[str, Any],
        *,
        owner: str,
        budget: float | None,
    ) -> Refusal | None:
        """Refuse."""
        self._refuse()

    def set_budget(self, scope: str, key: str, amount: float | None) -> None:
        """Refuse."""
        self._refuse()

    def forget(self, job_ids: Sequence[str]) -> int:
        """Refuse."""
        self._refuse()

    def hold(self, row: Row, changes: Mapping[str, Any], *, body: str | None = None, why: str = "") -> Row:
        """Refuse: nothing is ever learnt."""
        self._refuse()

    def claim(
        self,
        owner: str,
        free: Sequence[str],
        accounts: Sequence[str],
        now: float,
        limit: int,
    ) -> list[Row]:
        """Refuse."""
        self._refuse()

    def renew(self, owner: Owner) -> None:
        """Refuse."""
        self._refuse()

    def retire(self, account: str, until: float | None) -> None:
        """Refuse."""
        self._refuse()

    def _newest_first(self) -> list[Row]:
        return sorted(self._rows.values(), key=lambda row: row.created_at, reverse=True)

    def _refuse(self) -> NoReturn:
        raise LedgerError(
            f"{self.path.name} is only read: a frozen run changes nothing. Run without --frozen (PPLX_JUPYTER_FROZEN) to do that."
        )


_lock = threading.Lock()
_opened: dict[Path, tuple[tuple[int, int], LockfileLedger]] = {}


def open_lockfile(path: Path) -> LockfileLedger:
    """Open a lockfile, or give the one that is open already, as long as the file does not change."""
    try:
        found = path.stat()
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror or error}. Nothing was sent.") from error
    stamp = (found.st_mtime_ns, found.st_size)
    with _lock:
        known = _opened.get(path)
        if known is None or known[0] != stamp:
            _opened[path] = known = (stamp, LockfileLedger(path))
        return known[1]
