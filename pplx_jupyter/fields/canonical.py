"""One form for a question, however it was written: what its fingerprint is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.fields.dates import iso_date
from pplx_jupyter.fields.sentences import tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.fields.options import Option

__all__ = ["canonical"]


def canonical(fields: Mapping[str, Any], options: Sequence[Option]) -> dict[str, Any]:
    """Give those of a question's fields that make it another question, each in its one form.

    Parameters
    ----------
    fields
        The fields that are set, checked, as plain JSON.
    """
    kept = {option.name: option for option in options if option.in_fingerprint}
    return {
        name: _one_form(kept[name], value)
        for name, value in fields.items()
        if name in kept and value is not None
    }


def _one_form(option: Option, value: Any) -> Any:
    if option.kind == "date":
        return iso_date(value)
    if option.kind == "list":
        return sorted(value)
    return _same_form(value)


def _same_form(value: Any) -> Any:
    """Strip texts, give them LF line ends, and write whole floats as integers, at any depth."""
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_same_form(item) for item in value]
    if isinstance(value, dict):
        return {key: _same_form(item) for key, item in value.items()}
    return value
