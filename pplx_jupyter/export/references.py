r"""Citations as BibLaTeX, RIS and CSL-JSON.

The libraries that write these formats write values as they are: a title with ``}`` or with a line
end would forge an entry. So each format is written here, in a few lines, and read back by such
libraries in the tests. Every value is on one line; what a format acts on is escaped.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.export.entries import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.answer import Answer

__all__ = ["csl_items", "to_bibtex", "to_csl_json", "to_ris"]

INVENTED = "Invented by the simulator"
PROVIDER = "Perplexity, written by pplx_jupyter"
"""Where a record says that it comes from."""

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{each: f"\\{each}" for each in "%&$#_"},
}
_TEX_ACTIVE = re.compile(r"[\\{}~^%&$#_]")
# Styles set titles in lower case; "EU" and "iPhone" stay as they are inside braces.
_CAPITALS = re.compile(r"\S+?[A-Z]\S*")


def to_bibtex(answer: Answer) -> str:
    """Give the sources as BibLaTeX, see `pplx_jupyter.answer.Answer.to_bibtex`."""
    return "\n".join(_bibtex(entry) for entry in entries(answer))


def to_ris(answer: Answer) -> str:
    """Give the sources as RIS, see `pplx_jupyter.answer.Answer.to_ris`."""
    return "\r\n".join(_ris(entry) for entry in entries(answer))


def to_csl_json(answer: Answer) -> str:
    """Give the sources as CSL-JSON, see `pplx_jupyter.answer.Answer.to_csl_json`."""
    # A page may hold it in a script, where "</script>" would end that.
    return json.dumps(csl_items(answer), ensure_ascii=False, indent=2).replace("<", "\\u003c") + "\n"


def csl_items(answer: Answer) -> list[dict[str, Any]]:
    """Give the sources as items of CSL: plain values, ready for JSON."""
    return [_csl(entry) for entry in entries(answer)]


def _bibtex(entry: Entry) -> str:
    fields = {
        "title": _CAPITALS.sub(lambda m: "\x00" + m[0] + "\x01", entry.title),
        "organization": entry.site,
        "date": _iso(entry.issued),
        "url": entry.url,
        "urldate": entry.accessed.isoformat() if entry.accessed else "",
        "note": _note(entry),
    }
    lines = [f"  {name} = {{{_tex(name, value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@online{{{entry.key},", *lines, "}", ""])


def _tex(name: str, value: str) -> str:
    if name == "url":
        # What reads BibTeX takes an address as it stands, up to a brace: those were encoded before.
        return value
    escaped = _TEX_ACTIVE.sub(lambda m: _TEX[m[0]], value)
    return escaped.replace("\x00", "{").replace("\x01", "}")


def _ris(entry: Entry) -> str:
    day = entry.accessed
    fields = [
        ("TY", "ELEC"),
        ("ID", entry.key),
        ("TI", entry.title),
        ("T2", entry.site),
        ("PY", str(entry.issued[0]) if entry.issued else ""),
        ("DA", _slashed(entry.issued) if entry.issued else ""),
        ("UR", entry.url),
        ("Y2", _slashed((day.year, day.month, day.day)) if day else ""),
        ("N1", _note(entry)),
        ("DP", PROVIDER),
    ]
    return "".join([*(f"{tag}  - {value}\r\n" for tag, value in fields if value), "ER  - \r\n"])


def _csl(entry: Entry) -> dict[str, Any]:
    day = entry.accessed
    item: dict[str, Any] = {"id": entry.key, "type": "webpage", "title": entry.title}
    if entry.site:
        item |= {"container-title": entry.site, "URL": entry.url}
    if entry.issued:
        item["issued"] = {"date-parts": [list(entry.issued)]}
    if day:
        item["accessed"] = {"date-parts": [[day.year, day.month, day.day]]}
    if note := _note(entry):
        item["note"] = note
    return item | {"source": PROVIDER}


def _note(entry: Entry) -> str:
    """Say what no field is for: of a page without a date, when it was last changed."""
    updated = f"Last updated {_iso(entry.updated)}" if entry.updated and not entry.issued else ""
    return "; ".join(filter(None, [INVENTED if entry.simulated else "", updated]))


def _iso(parts: Sequence[int]) -> str:
    return "-".join(f"{part:02}" if n else f"{part:04}" for n, part in enumerate(parts))


def _slashed(parts: Sequence[int]) -> str:
    """Give a date as RIS has it: always three slashes, what is not known left out between them."""
    texts = [f"{part:02}" if n else f"{part:04}" for n, part in enumerate(parts)]
    return "/".join([*texts, "", "", ""][:3]) + "/"
