"""Whether a JSON schema is one, and all of it is there: every reference leads to a place inside it."""

from __future__ import annotations

import dataclasses
import graphlib
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from pplx_jupyter.schema.mistakes import Unsound
from pplx_jupyter.schema.patterns import why_not

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Found", "kind_of", "look_through", "refuse_unchecked"]

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_UNCHECKED = {"unevaluatedProperties": "additionalProperties", "unevaluatedItems": "items"}
_SHOWN = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What is in a schema.

    Attributes
    ----------
    schemas
        Itself, all that it holds, and all that its references lead to; each once.
    is_recursive
        A value of its shape may hold values of the same shape, to any depth.
    """

    schemas: Sequence[dict[str, Any]]
    is_recursive: bool


def kind_of(schema: Mapping[str, Any]) -> Any:
    """Give the validator class of the draft that a schema names; of the newest where it names none that is known."""
    named = schema.get("$schema")
    kind: Any = Draft202012Validator
    return validator_for(schema, default=kind) if isinstance(named, str) else kind


def look_through(schema: dict[str, Any]) -> Found:
    """Look at the whole of a schema; nothing is fetched.

    Raises
    ------
    Unsound
        It is no JSON schema, or a reference leads nowhere, out of it, or round in a circle.
    """
    _check(schema, schema)
    return _Walk(schema).found()


def refuse_unchecked(found: Found) -> None:
    """Refuse what a schema asks for and nothing here can check without the risk of standing still.

    Raises
    ------
    Unsound
        Such as a pattern that looks around; the text says what to write in its place.
    """
    for schema in found.schemas:
        for keyword, instead in _UNCHECKED.items():
            if keyword in schema:
                raise Unsound(f"{keyword} cannot be checked here, write {instead}")
        of_names = schema.get("patternProperties")
        patterns = [schema.get("pattern"), *(of_names if isinstance(of_names, dict) else ())]
        for reason in (why_not(pattern) for pattern in patterns if isinstance(pattern, str)):
            if reason:
                raise Unsound(reason)


def _check(part: Any, schema: Mapping[str, Any]) -> None:
    try:
        # Its own check of patterns refuses what is a pattern outside Python: \p{L}.
        kind_of(schema).check_schema(part, format_checker=None)
    except SchemaError as error:
        place = str(error.json_path).removeprefix("$").lstrip(".")
        message = " ".join(str(error.message).split())[:_SHOWN]
        raise Unsound(f"it is no JSON schema: {f'{place}: ' if place else ''}{message}") from None
    except ValueError as error:
        raise Unsound(f"it is no JSON schema: {error}") from None


class _Walk:
    """Goes to every schema inside a schema once, and notes which leads to which."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._specification = specification_with(str(schema.get("$schema", "")), default=DRAFT202012)
        self._seen: dict[int, dict[str, Any]] = {}
        self._holds: dict[int, list[int]] = {}
        """What is checked with a schema, against the same value or one inside it."""
        self._is: dict[int, list[int]] = {}
        """What is checked against the same value."""

    def found(self) -> Found:
        root = self._specification.create_resource(self._schema)
        todo: list[tuple[Any, Any]] = [(self._schema, Registry().resolver_with_root(root))]
        while todo:
            part, resolver = todo.pop()
            if isinstance(part, dict) and id(part) not in self._seen:
                self._seen[id(part)] = part
                todo += self._below(part, resolver)
        if _has_circle(self._is):
            raise Unsound("a $ref in it leads round in a circle")
        return Found(list(self._seen.values()), is_recursive=_has_circle(self._holds))

    def _below(self, part: dict[str, Any], resolver: Any) -> list[tuple[Any, Any]]:
        targets = [self._target(each, resolver) for each in _references(part)]
        subschemas = [
            (each, resolver.in_subresource(self._specification.create_resource(each)))
            for each in self._specification.subresources_of(part)
        ]
        below = [*targets, *subschemas]
        self._holds[id(part)] = [id(each) for each, _ in below]
        self._is[id(part)] = [id(each) for each, _ in targets] + [id(each) for each in _in_place(part)]
        return below

    def _target(self, reference: str, resolver: Any) -> tuple[Any, Any]:
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, LookupError, TypeError, ValueError):
            raise Unsound(_misleading(reference)) from None
        _check(found.contents, self._schema)
        return found.contents, found.resolver


def _references(part: Mapping[str, Any]) -> list[str]:
    return [part[each] for each in _REFERENCES if isinstance(part.get(each), str)]


def _misleading(reference: str) -> str:
    shown = reference if len(reference) <= _SHOWN else f"{reference[: _SHOWN - 1]}…"
    if reference.startswith("#"):
        return f"its $ref {shown!r} leads nowhere"
    return f'its $ref {shown!r} leads out of it, and nothing is fetched: put that under $defs and write "#/$defs/Name"'


def _in_place(part: Mapping[str, Any]) -> Iterator[Any]:
    """Give the schemas inside one that are for the same value."""
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from part.get(keyword, ()) if isinstance(part.get(keyword), list) else ()
    for keyword in ("not", "if", "then", "else"):
        yield part.get(keyword)
    depending = part.get("dependentSchemas")
    yield from depending.values() if isinstance(depending, dict) else ()


def _has_circle(leads_to: Mapping[int, Sequence[int]]) -> bool:
    try:
        graphlib.TopologicalSorter(leads_to).prepare()
    except graphlib.CycleError:
        return True
    return False
