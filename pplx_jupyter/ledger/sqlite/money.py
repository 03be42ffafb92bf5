"""Costs and budgets: what was paid before, running totals, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.ledger.expected import Past
from pplx_jupyter.ledger.sqlite import totals
from pplx_jupyter.ledger.sqlite.rows import Rows
from pplx_jupyter.ledger.times import TOOK

if TYPE_CHECKING:
    from pplx_jupyter.ledger.budgets import Budget, Sums

__all__ = ["Money"]


class Money(Rows):
    """Tells what jobs cost, and what they may."""

    def past(self, base_url: str, backend: str, model: str, effort: str, limit: int) -> list[Past]:
        """Give the newest settled jobs of this kind whose cost the service reported."""
        found = self._file.all(
            f"SELECT cost, {TOOK} FROM jobs INDEXED BY jobs_past WHERE base_url = ? AND backend = ?"  # noqa: S608
            " AND asked_model = ? AND effort = ? AND state IN ('completed', 'incomplete') AND cost IS NOT NULL"
            " AND cost_estimated = 0 AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT ?",
            (base_url, backend, model, effort, limit),
        )
        return [Past(float(cost), float(seconds)) for cost, seconds in found]

    def totals(self, scope: str, base_url: str, key: str | None = None) -> dict[str, Sums]:
        """Give the running totals of a scope by key."""
        with self._file.reading() as db:
            if key is not None:
                return {key: totals.sums_at(db, scope, base_url, key)}
            return totals.sums_by_key(db, scope, base_url)

    def budgets(self) -> list[Budget]:
        """Give the budgets that a person has set."""
        with self._file.reading() as db:
            return totals.budgets(db)

    def set_budget(self, scope: str, key: str, amount: float | None) -> None:
        """Set a budget, or take it away."""
        with self._writing() as db:
            db.execute("DELETE FROM budgets WHERE scope = ? AND key = ?", (scope, key))
            if amount is not None:
                db.execute("INSERT INTO budgets (scope, key, amount) VALUES (?, ?, ?)", (scope, key, amount))
