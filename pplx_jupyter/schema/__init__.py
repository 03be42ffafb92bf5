"""The shape that an answer is to have: read from what a user gives, and checked when the answer is there.

A shape is a pydantic model, a JSON schema (a dict, a file of one), or a short form such as
``name, revenue: float, founded: int, tags: list[str], listed: bool, note: str?``.
"""

from __future__ import annotations

from pplx_jupyter.schema.checking import UNCHECKED, check
from pplx_jupyter.schema.columns import columns_of
from pplx_jupyter.schema.given import format_of, schema_in, schema_of
from pplx_jupyter.schema.models import model_of

__all__ = ["UNCHECKED", "check", "columns_of", "format_of", "model_of", "schema_in", "schema_of"]
