"""Whether a figure keeps to its budget: one word for every benchmark."""

from __future__ import annotations

__all__ = ["verdict"]


def verdict(value: float, budget: float) -> str:
    """Give ``met``, or ``NOT met`` in letters that stand out."""
    return "met" if value <= budget else "NOT met"
