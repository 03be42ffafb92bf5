"""What is wrong with a shape, in one line."""

from __future__ import annotations

from pplx_jupyter.errors import RequestError

__all__ = ["Unsound", "wrong"]

_HOW = (
    'write it as "name, revenue: float, founded: int, note: str?", or give a JSON schema or a pydantic model'
)


class Unsound(Exception):
    """A JSON schema that nothing can be checked against; the text says why."""


def wrong(what: str, *, how: str = _HOW) -> RequestError:
    """Give the error of a shape that cannot be asked for.

    Parameters
    ----------
    how
        What to do; empty where `what` says so.
    """
    return RequestError(f"schema: {what}{f'; {how}' if how else ''}. Nothing was sent.", field="schema")
