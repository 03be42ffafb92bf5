"""Pydantic models by the schemas made of them: answers from the ledger get their types back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["canonical", "model_of", "remember"]

_models: dict[str, Any] = {}


def canonical(schema: Mapping[str, Any]) -> str:
    """Give a schema as text: equal schemas have equal texts."""
    return json.dumps(schema, sort_keys=True)


def remember(schema: Mapping[str, Any], model: Any) -> None:
    """Keep the model that a schema was made of, for as long as this process lasts."""
    _models[canonical(schema)] = model


def model_of(schema: Mapping[str, Any]) -> Any:
    """Give the pydantic model that a schema was made of in this process, or None."""
    return _models.get(canonical(schema))
