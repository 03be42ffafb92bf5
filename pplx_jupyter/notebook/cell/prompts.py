"""A cell's prompt: the templates of `pplx_jupyter.template`, filled from the notebook's variables."""

from __future__ import annotations

from pplx_jupyter.template import MAX_CELL, MAX_COLUMNS, MAX_ROWS, fill, names_in, uses

__all__ = ["MAX_CELL", "MAX_COLUMNS", "MAX_ROWS", "fill", "names_in", "uses"]
