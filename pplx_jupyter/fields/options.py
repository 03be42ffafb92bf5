"""What one field of a Request is called, takes and means, for every place that shows it.

The magic's flags, the form's fields, the wire bodies, the fingerprint and the
documentation are all made from these records.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["GROUPS", "Option", "SubOption"]

GROUPS = ("Question", "How deep", "Where to look", "What comes back", "More options", "Delivery")


@dataclasses.dataclass(frozen=True, slots=True)
class SubOption:
    """A flag of its own for one key of a field that is a mapping.

    Attributes
    ----------
    key
        The key within the field's mapping.
    kind
        ``"choice"`` or ``"location"``.
    """

    flag: str
    key: str
    kind: str
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""

    def parse(self, text: str) -> Any:
        """Read the flag's text as the key's value; raises RequestError for broken JSON."""
        if self.kind == "location":
            return _parse_location(self.flag, text)
        return text.strip()

    def unparse(self, value: Any) -> str:
        """Write a value as the text behind the flag, so that `parse` reads it again."""
        return _unparse_location(value) if self.kind == "location" else str(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One field of a Request.

    Attributes
    ----------
    name
        The field's name in Python, which is the service's own.
    flag
        The magic's flag, or ``""`` where the field has none.
    kind
        ``"text"``, ``"choice"``, ``"integer"``, ``"switch"``, ``"list"``, ``"date"``,
        ``"json"`` or ``"secret"``.
    check
        A finer check than the kind's, such as ``"domain"``.
    help
        One sentence.
    group
        One of `GROUPS`.
    sonar
        The field's name in the sonar API's request, None where it has none.
    agent
        The dotted path of its place in the agent API's body, None where it has none.
    in_fingerprint
        Whether another value makes another question.
    low, high
        The least and the largest integer; None is open.
    max_items
        How many items a list may have; None is open.
    sub_options
        Flags of their own for keys of this mapping.
    """

    flag: str
    kind: str
    help: str
    group: str
    name: str = ""
    check: str = ""
    choices: tuple[str, ...] = ()
    sonar: str | None = None
    agent: str | None = None
    in_fingerprint: bool = True
    low: int | None = None
    high: int | None = None
    max_items: int | None = None
    metavar: str = ""
    sub_options: tuple[SubOption, ...] = ()

    def parse(self, text: str) -> Any:
        """Read what stands behind the flag as a value of the field.

        A list is split at commas, JSON is decoded, an integer is converted; a switch takes no text.
        Whether the value is allowed is for Request to say.

        Raises
        ------
        RequestError
            Where the text is no integer or no JSON.
        """
        label = self.flag or self.name
        if self.kind == "switch":
            return True
        if self.kind == "list":
            return tuple(item.strip() for item in text.split(",") if item.strip())
        if self.kind == "integer":
            try:
                return int(text)
            except ValueError:
                raise RequestError(
                    f"{label} {text}: write a whole number. Nothing was sent.", field=self.name
                ) from None
        if self.kind == "json":
            return _parse_json(label, text, self.name)
        return text

    def unparse(self, value: Any) -> str:
        """Write a value as the text behind the flag, so that `parse` reads it again."""
        if self.kind == "switch":
            return ""
        if self.kind == "list":
            return ",".join(value)
        if self.kind == "json":
            return json.dumps(value, ensure_ascii=False)
        return str(value)


def _unparse_location(place: Mapping[str, Any]) -> str:
    keys = ("city", "region", "country")[:: 2 if "region" not in place else 1]
    parts = [str(place[key]) for key in keys if key in place]
    short = ",".join(parts)
    is_short = len(parts) == len(place) and _parse_location("", short) == place if _is_plain(parts) else False
    return short if is_short else json.dumps(place, ensure_ascii=False)


def _is_plain(parts: Sequence[str]) -> bool:
    return bool(parts) and not any("," in part or not part.strip() or "{" in part for part in parts)


def _parse_json(label: str, text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError(
            f"{label}: this is not JSON. On a line, put it between single quotes: {label} "
            '\'{"key": "value"}\'. Nothing was sent.',
            field=field,
        ) from None


def _parse_location(label: str, text: str) -> Any:
    text = text.strip()
    if text.startswith("{"):
        return _parse_json(label, text, "web_search_options")
    parts = [part.strip() for part in text.split(",")]
    keys = {1: ("country",), 2: ("city", "country"), 3: ("city", "region", "country")}.get(len(parts))
    if keys is None or not all(parts):
        raise RequestError(
            f"{label} {text}: write DE, or Berlin,DE, or City,Region,DE. Nothing was sent.",
            field="web_search_options",
        )
    return dict(zip(keys, parts, strict=True))
