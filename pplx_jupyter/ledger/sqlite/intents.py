"""Intents: a question, or a batch of them, becomes rows, in one transaction with the budgets."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import BudgetExceeded
from pplx_jupyter.ledger.budgets import day_of, keys_of
from pplx_jupyter.ledger.expected import Expected, expected_of, together
from pplx_jupyter.ledger.gate import PARKED, is_parked
from pplx_jupyter.ledger.records import Attempts, Decision, Draft, Row
from pplx_jupyter.ledger.sqlite import parking, search, totals
from pplx_jupyter.ledger.sqlite.columns import bind, row_of
from pplx_jupyter.ledger.sqlite.finding import Finding
from pplx_jupyter.ledger.sqlite.totals import refusal_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.ledger.gate import Gate

__all__ = ["Intents"]


class Intents(Finding):
    """Writes down what is to be asked."""

    def intend(
        self,
        draft: Draft,
        decide: Callable[[Attempts], Decision],
        *,
        budget: float | None = None,
        allowed: bool = False,
    ) -> tuple[Row, Decision]:
        """Find, arm or insert, in one transaction: two kernels that ask the same get the same row."""
        with self._writing(intent=True) as db:
            decision = decide(
                self.attempts(draft.fingerprint, draft.base_url, draft.backend if draft.pinned else None)
            )
            if decision.what == "keep" and decision.row is not None:
                return decision.row, decision
            day = day_of(time.time())
            draft = _of_notebook(draft, decision)
            if not allowed:
                keys = keys_of(draft.notebook, day, draft.run)
                refusal = refusal_of(db, keys, draft.base_url, Expected.from_json(draft.expected), budget)
                if refusal is not None:
                    raise BudgetExceeded(refusal.line(), refusal=refusal)
            else:
                draft = dataclasses.replace(draft, expected={**draft.expected, "yes": True})
            if decision.what == "arm" and decision.row is not None:
                return self._arm(db, decision.row, draft, day), decision
            return self._insert(db, draft, day), decision

    def intend_all(
        self,
        drafts: Sequence[Draft],
        decide: Callable[[Attempts], Decision],
        *,
        gate: Gate,
        budget: float | None = None,
    ) -> list[tuple[Row, Decision]]:
        """Find, arm or park all, in one transaction with the budgets."""
        if not drafts:
            return []
        with self._writing(intent=True) as db:
            found = self.attempts_of(
                [draft.fingerprint for draft in drafts],
                drafts[0].base_url,
                drafts[0].backend if drafts[0].pinned else None,
            )
            decisions = [decide(found.get(draft.fingerprint, Attempts())) for draft in drafts]
            bought = [d for d, decision in zip(drafts, decisions, strict=True) if decision.what != "keep"]
            day = day_of(time.time())
            if bought:
                usual = together([Expected.from_json(draft.expected) for draft in bought])
                keys = keys_of(bought[0].notebook, day, bought[0].run)
                refusal = refusal_of(db, keys, bought[0].base_url, usual, budget)
                if refusal is not None:
                    raise BudgetExceeded(refusal.line(len(bought)), refusal=refusal)
            parking.set_gate(db, drafts[0].batch, gate)
            rows = [
                self._park(db, draft, decision, day)
                for draft, decision in zip(drafts, decisions, strict=True)
            ]
            new = [row for row, d in zip(rows, decisions, strict=True) if d.what == "new"]
            totals.add_all(db, new)
        return list(zip(rows, decisions, strict=True))

    def rehold(
        self, job_id: str, expected: Mapping[str, Any], *, owner: str, budget: float | None
    ) -> Refusal | None:
        """Set aside another amount for a job, where that fits."""
        with self._writing() as db:
            row = self._read(db, job_id)
            if row.owner != owner:
                return None
            keys = keys_of(row.notebook, row.day, row.run)
            usual = Expected.from_json(expected)
            if not row.expected.get("yes"):
                before = expected_of(row.expected, row.backend, row.asked_model).set_aside
                refusal = refusal_of(db, keys, row.base_url, usual, budget, freed=before)
                if refusal is not None:
                    return refusal
            kept = {name: row.expected[name] for name in ("yes",) if name in row.expected}
            self._set(db, row, {"expected": {**expected, **kept}})
            return None

    def intend_again(
        self, job_id: str, changes: Mapping[str, Any], *, budget: float | None = None, allowed: bool = False
    ) -> Row | None:
        """Make an unconfirmed row an intent once more, in one transaction with the budgets."""
        with self._writing(intent=True) as db:
            found = db.execute(
                "SELECT * FROM jobs WHERE id = ? AND state = 'unconfirmed'", (job_id,)
            ).fetchone()
            if found is None:
                return None
            row = row_of(found)
            day = day_of(time.time())
            if allowed:
                changes = {**changes, "expected": {**row.expected, "yes": True}}
            else:
                usual = expected_of(row.expected, row.backend, row.asked_model)
                keys = keys_of(row.notebook, day, row.run)
                refusal = refusal_of(db, keys, row.base_url, usual, budget)
                if refusal is not None:
                    raise BudgetExceeded(refusal.line(), refusal=refusal)
            return self._set(db, row, {**changes, "state": "submitting", "day": day})

    def refusal(
        self, notebook: str, run: str, base_url: str, expected: Mapping[str, Any], budget: float | None
    ) -> Refusal | None:
        """Give why one more question would not fit the budgets now."""
        keys = keys_of(notebook, day_of(time.time()), run)
        usual = Expected.from_json(expected)
        with self._file.reading() as db:
            return refusal_of(db, keys, base_url, usual, budget)

    def _park(self, db: sqlite3.Connection, draft: Draft, decision: Decision, day: str) -> Row:
        row = decision.row
        if row is None:
            return self._insert(db, draft, day, counted=False)
        if decision.what == "arm":
            return self._arm(db, row, _of_notebook(draft, decision), day)
        if row.is_open and is_parked(row.due_at):
            return self._set(db, row, {"batch": draft.batch, "account": draft.account})
        return row

    def _insert(self, db: sqlite3.Connection, draft: Draft, day: str, *, counted: bool = True) -> Row:
        now = time.time()
        while True:
            job_id = secrets.token_hex(3)
            if not db.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone():
                break
        values = {
            "id": job_id,
            "seq": self._next_seq(db),
            "state": "submitting",
            "fingerprint": draft.fingerprint,
            "request": dict(draft.request),
            "base_url": draft.base_url,
            "account": draft.account,
            "backend": draft.backend,
            "pinned": draft.pinned,
            "model": draft.model,
            "effort": draft.effort,
            "question": draft.question,
            "name": draft.name,
            "notebook": draft.notebook,
            "cell": draft.cell,
            "filled": dict(draft.filled),
            "idempotency_key": _new_key(job_id),
            "created_at": now,
            "due_at": PARKED if draft.batch else now,
            "day": day,
            "run": draft.run,
            "asked_model": draft.model,
            "expected": dict(draft.expected),
            "batch": draft.batch,
        }
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        db.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", [bind(k, v) for k, v in values.items()])  # noqa: S608
        row = self._read(db, job_id)
        if counted:
            totals.add(db, row)
        search.keep(db, row)
        return row

    def _arm(self, db: sqlite3.Connection, row: Row, draft: Draft, day: str) -> Row:
        """Make a refused submission an intent again; a new key, since a service may remember the refusal by the old one."""
        now = time.time()
        changes = {
            "state": "submitting",
            "failure": None,
            "trouble": None,
            "tries": 0,
            "cancel": "",
            "moved": False,
            "settled_at": None,
            "remote_status": "",
            "created_at": now,
            "due_at": PARKED if draft.batch else now,
            "batch": draft.batch,
            "owner": "",
            "request_id": "",
            "account": draft.account,
            "backend": draft.backend,
            "pinned": draft.pinned,
            "model": draft.model,
            "effort": draft.effort,
            "question": draft.question,
            "filled": dict(draft.filled),
            "request": dict(draft.request),
            "idempotency_key": _new_key(row.id),
            "notebook": draft.notebook,
            "cell": draft.cell or row.cell,
            "name": draft.name or row.name,
            "day": day,
            "run": draft.run,
            "asked_model": draft.model,
            "expected": dict(draft.expected),
            "shown_at": None,
        }
        return self._set(db, row, changes)


def _of_notebook(draft: Draft, decision: Decision) -> Draft:
    """Let the cost count for the notebook that asked first, where the asking now tells none."""
    if decision.what != "arm" or decision.row is None or draft.notebook:
        return draft
    return dataclasses.replace(draft, notebook=decision.row.notebook)


def _new_key(job_id: str) -> str:
    return f"pplx_jupyter-{job_id}-{secrets.token_hex(8)}"
