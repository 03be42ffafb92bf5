"""What a body that was cut off on its way still tells."""

from __future__ import annotations

import json
import re

__all__ = ["read_cut_id"]

_TEXT = r'"(?:[^"\\]|\\.){0,500}"'
_PLAIN = rf"(?:{_TEXT}|-?\d[\d.eE+-]{{0,30}}|true|false|null)"
# Of the outermost object alone, and before anything nested: an id further in is another thing's.
_ID = re.compile(rf'\s*\{{(?:\s*"(?!id")\w{{1,50}}"\s*:\s*{_PLAIN}\s*,){{0,20}}\s*"id"\s*:\s*({_TEXT})')


def read_cut_id(text: str) -> str:
    """Read the job's id from the beginning of a body; empty where it does not stand there whole.

    >>> read_cut_id('{"object":"response","id":"resp_1","sta')
    'resp_1'
    """
    found = _ID.match(text[:5_000])
    try:
        return str(json.loads(found.group(1), strict=False))[:200] if found else ""
    except ValueError:
        # A backslash before a letter that JSON knows nothing of.
        return ""
