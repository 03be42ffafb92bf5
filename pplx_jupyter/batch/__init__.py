"""Many questions at once: one for each row of a table, under one plan, one budget and one limit of pace."""

from __future__ import annotations

from pplx_jupyter.batch.asking import research_map
from pplx_jupyter.batch.batch import Batch

__all__ = ["Batch", "research_map"]
