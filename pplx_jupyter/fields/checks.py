"""Checks of single values: each gives the value as it is stored, or raises RequestError.

Every message starts with the field's name, says what is wrong and what is allowed,
and ends with "Nothing was sent."
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from pplx_jupyter.errors import RequestError

__all__ = [
    "check_choice",
    "check_date",
    "check_domains",
    "check_effort",
    "check_image_formats",
    "check_integer",
    "check_languages",
    "check_list",
    "check_model",
    "check_plain",
    "check_switch",
    "check_text",
    "check_url",
    "iso_date",
    "join_words",
    "nearest",
    "refuse",
    "show",
]

_PLACEHOLDER = re.compile(
    r"<(?:string|token|integer|int|number|float|boolean|bool|object|array|any|null|url|date|model|key|id"
    r"|api[ _-]?key|your[ _-][^<>]*)>",
    re.IGNORECASE,
)
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_SITE = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*")
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_MAX_DEPTH = 60
_MAX_BITS = 256


def refuse(field: str, text: str) -> RequestError:
    """Make the error for a field; `text` follows the field's name directly."""
    return RequestError(f"{field}{text} Nothing was sent.", field=field)


def show(value: object) -> str:
    """Quote a value for a message, cut to about 60 characters."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "an integer of thousands of digits"
    text = " ".join(text[:1000].split())
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def join_words(words: Iterable[str], last: str = "or") -> str:
    """Join as ``a, b or c``."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def nearest(word: object, candidates: Iterable[str]) -> str | None:
    """Give the candidate that was probably meant, or None."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    written = show(word).strip("“”").lower()
    found = difflib.get_close_matches(written, by_lower, n=1, cutoff=0.6)
    if not found and len(written) > 2:
        found = [candidate for candidate in by_lower if candidate.startswith(written)]
    return by_lower[found[0]] if found else None


def check_text(field: str, value: object) -> str | None:
    """Check a string; an empty one counts as not set."""
    if not isinstance(value, str):
        raise refuse(field, f": {show(value)} is not text.")
    _check_characters(field, value)
    return value if value.strip() else None


def check_choice(field: str, value: object, choices: Sequence[str]) -> str | None:
    """Check that a value is one of the choices; an empty one counts as not set."""
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, str) and value in choices:
        return value
    near = nearest(value, choices)
    hint = f"; did you mean {near}?" if near else "."
    shown = value if isinstance(value, str) and value.isalnum() and len(value) <= 40 else show(value)
    raise refuse(field, f" {shown}: choose {join_words(choices)}{hint}")


def check_effort(field: str, value: object, choices: Sequence[str]) -> str | None:
    """Check an effort level of the agent API; a version may follow it, as in ``fast@2026-10-16.0``."""
    if isinstance(value, str) and re.fullmatch(r"[\w.-]+", value.partition("@")[2]):
        check_choice(field, value.partition("@")[0], choices)
        return value
    return check_choice(field, value, choices)


def check_model(field: str, value: object) -> str | None:
    """Check a model's name: one word, such as ``sonar-deep-research`` or ``openai/gpt-5``."""
    text = check_text(field, value)
    if text is not None and re.search(r"\s", text):
        raise refuse(field, f" {show(value)}: write one word, such as sonar-deep-research.")
    return text


def check_switch(field: str, value: object) -> bool:
    """Check a boolean."""
    if not isinstance(value, bool):
        raise refuse(field, f" {show(value)}: choose True or False.")
    return value


def check_integer(field: str, value: Any, low: int | None, high: int | None) -> int:
    """Check a whole number; a boolean is none."""
    if low is None:
        allowed = "a whole number"
    elif high is None:
        allowed = f"a whole number, {low} or more"
    else:
        allowed = f"a whole number from {low} to {high}"
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        shown = show(value)
        if isinstance(value, (bool, int, float)):
            shown = shown.strip("“”")
        raise refuse(field, f" {shown}: write {allowed}.")
    return number


def check_date(field: str, value: object) -> str | None:
    """Check a calendar date and give it as ``MM/DD/YYYY``; dates of Python are taken, too."""
    if isinstance(value, date) and not isinstance(value.year, int):  # pandas.NaT
        raise refuse(field, f": {show(value)} is not a date.")
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return _wire_date(value)
    text = check_text(field, value)
    if text is None:
        return None
    if match := _DATE.fullmatch(text.strip()):
        month, day, year = map(int, match.groups())
        try:
            return _wire_date(date(year, month, day))
        except ValueError:
            raise refuse(field, f" {text}: {_date_trouble(year, month, day)}") from None
    raise refuse(field, f" {show(text)}: write the date as MM/DD/YYYY{_date_hint(text.strip())}.")


def iso_date(text: str) -> str:
    """Turn a checked ``MM/DD/YYYY`` into ``YYYY-MM-DD``."""
    month, day, year = text.split("/")
    return f"{year}-{month}-{day}"


def check_list(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of strings without duplicates; one string is one item, an empty list is not set."""
    if isinstance(value, str):
        value = (value,) if value.strip() else ()
    if not isinstance(value, Iterable) or isinstance(value, (Mapping, bytes)):
        raise refuse(field, f": {show(value)} is not a list of strings.")
    # A set has no order of its own; the same question must not differ from run to run.
    items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    for item in items:
        if not isinstance(item, str) or not item.strip():
            raise refuse(field, f": {show(item)} is not an entry; write each one as text.")
        _check_characters(field, item)
    items = [item.strip() for item in items]
    if max_items is not None and len(items) > max_items:
        raise refuse(field, f": {len(items)} entries; at most {max_items} are taken.")
    return tuple(items) or None


def check_domains(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of sites: all allowed, or all denied with ``-`` in front."""
    items = check_list(field, value, max_items)
    if items is None:
        return None
    sites = tuple(_check_site(field, item) for item in items)
    _check_duplicates(field, [site.removeprefix("-") for site in sites])
    denied = [site for site in sites if site.startswith("-")]
    allowed = [site for site in sites if not site.startswith("-")]
    if denied and allowed:
        raise refuse(
            field,
            f": {show(allowed[0])} allows and {show(denied[0])} denies; "
            "allow sites or deny sites, not both at once.",
        )
    return sites


def check_languages(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of two-letter language codes."""
    items = check_list(field, value, max_items)
    if items is None:
        return None
    codes = tuple(item.lower() for item in items)
    for item, code in zip(items, codes, strict=True):
        if not re.fullmatch(r"[a-z]{2}", code):
            hint = f"; did you mean {code[:2]}?" if re.fullmatch(r"[a-z]{2}[-_]\w+", code) else "."
            raise refuse(field, f" {show(item)}: write two-letter codes such as en or de{hint}")
    _check_duplicates(field, codes)
    return codes


def check_image_formats(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of image formats, as file endings without the dot."""
    items = check_list(field, value, max_items)
    if items is None:
        return None
    formats = tuple(item.lower() for item in items)
    for item, ending in zip(items, formats, strict=True):
        if not re.fullmatch(r"[a-z0-9]{2,5}", ending):
            bare = re.sub(r"[^a-z0-9]", "", ending.removeprefix("image/"))
            hint = f"; did you mean {bare}?" if re.fullmatch(r"[a-z0-9]{2,5}", bare) else "."
            raise refuse(field, f" {show(item)}: write file endings such as jpg or png{hint}")
    _check_duplicates(field, formats)
    return formats


def check_url(field: str, value: object) -> str | None:
    """Check an address that the service is to call: http or https, with a host."""
    text = check_text(field, value)
    if text is None:
        return None
    text = text.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", text):
        raise refuse(field, f" {show(text)}: write an address that starts with https:// or http://.")
    return text


def check_plain(field: str, value: object, depth: int = 0) -> Any:
    """Check that a value is JSON and copy it as dicts and lists."""
    if depth > _MAX_DEPTH:
        raise refuse(field, f": nested deeper than {_MAX_DEPTH} levels.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise refuse(field, f": a whole number of {value.bit_length()} bits is too long.")
        return value
    if isinstance(value, str):
        _check_characters(field, value)
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise refuse(field, f": {value} is not a number that JSON can hold.")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise refuse(field, f": the key {show(key)} is not text.")
            _check_characters(field, key)
        return {key: check_plain(field, item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [check_plain(field, item, depth + 1) for item in value]
    raise refuse(field, f": {show(value)} is a {type(value).__name__}, which JSON cannot hold.")


def _check_characters(field: str, text: str) -> None:
    if _PLACEHOLDER.fullmatch(text.strip()):
        raise refuse(
            field, f": {show(text.strip())} is a placeholder from the documentation; put your own value in."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refuse(
            field, f": character {error.start + 1} is half of a pair and cannot be sent; remove it."
        ) from None


def _check_duplicates(field: str, items: Sequence[str]) -> None:
    for place, item in enumerate(items):
        if item in items[:place]:
            raise refuse(field, f": {show(item)} is there twice; remove one.")


def _check_site(field: str, item: str) -> str:
    sign = "-" if item.startswith("-") else ""
    site = item.removeprefix("-").strip().lower()
    if re.search(r"[\s,;]", site):
        raise refuse(field, f": {show(item)} is not one site; write each site as an entry of its own.")
    if re.search(r"[:/?#@\\]", site):
        host = _host(site)
        hint = f"; write {sign}{host}." if host else "; write the site alone, such as nature.com."
        raise refuse(field, f": {show(item)} is an address, not a site{hint}")
    if site.startswith("*."):
        raise refuse(
            field, f": {show(item)} has a wildcard; write {sign}{site[1 if site.count('.') == 1 else 2 :]}."
        )
    if not _SITE.fullmatch(site) or len(site) > 253:
        raise refuse(field, f": {show(item)} is not a site; write it as nature.com.")
    if "." not in site:
        raise refuse(field, f": {show(item)} is not a site; write it with its ending, such as {site}.com.")
    return sign + site


def _host(address: str) -> str:
    scheme_less = address.split("://", 1)[-1].lstrip("/\\")
    host = re.split(r"[:/?#\\]", scheme_less.rpartition("@")[2] or scheme_less, maxsplit=1)[0]
    return host if _SITE.fullmatch(host) and "." in host else ""


def _wire_date(day: date) -> str:
    return f"{day.month:02}/{day.day:02}/{day.year:04}"


def _date_trouble(year: int, month: int, day: int) -> str:
    if month > 12 and 1 <= day <= 12 and month <= 31:
        return f"there is no month {month}; the month comes first, write {day:02}/{month:02}/{year:04}."
    if not 1 <= month <= 12:
        return f"there is no month {month}; write the date as MM/DD/YYYY."
    return "there is no such day; write a date of the calendar as MM/DD/YYYY."


def _date_hint(text: str) -> str:
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, match.groups())
        try:
            return f", {_wire_date(date(year, month, day))}"
        except ValueError:
            return ""
    return ""
