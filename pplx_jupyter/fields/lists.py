"""Checks of lists: sites, languages, image formats. One string is one entry, and none may be there twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.checks import check_characters
from pplx_jupyter.fields.messages import join_words, refuse, show

__all__ = ["check_domains", "check_image_formats", "check_languages"]

_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_NAMED = 5
"""So many entries that are wrong are named, at most."""

_SITE = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*")


def _check_list(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of texts; one text is one entry, an empty list is not set."""
    if isinstance(value, str):
        value = (value,) if value.strip() else ()
    if not isinstance(value, Iterable) or isinstance(value, (Mapping, bytes)):
        raise refuse(field, f": {show(value)} is not a list of strings.")
    # A set has no order of its own; the same question must not differ from run to run.
    items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    for item in items:
        if not isinstance(item, str) or not item.strip():
            raise refuse(field, f": {show(item)} is not an entry; write each one as text.")
        check_characters(field, item)
    items = [item.strip() for item in items]
    if max_items is not None and len(items) > max_items:
        raise refuse(field, f": {len(items)} entries; at most {max_items} are taken.")
    return tuple(items) or None


def check_domains(field: str, value: object, max_items: int | None) -> tuple[str, ...] | None:
    """Check a list of sites: all allowed, or all denied with ``-`` in front."""
    items = _check_list(field, value, max_items)
    if items is None:
        return None
    sites = _check_sites(field, items)
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
    items = _check_list(field, value, max_items)
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
    items = _check_list(field, value, max_items)
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


def _check_duplicates(field: str, items: Sequence[str]) -> None:
    for place, item in enumerate(items):
        if item in items[:place]:
            raise refuse(field, f": {show(item)} is there twice; remove one.")


def _check_sites(field: str, items: Sequence[str]) -> tuple[str, ...]:
    """Check each site; of one that is wrong it is said how, of several which they are."""
    sites: list[str] = []
    wrong: dict[str, RequestError] = {}
    for item in items:
        try:
            sites.append(_check_site(field, item))
        except RequestError as error:
            wrong[item] = error
    if len(wrong) == 1:
        raise next(iter(wrong.values()))
    if wrong:
        named = [show(item) for item in wrong]
        named[_NAMED:] = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
        raise refuse(field, f": {join_words(named, 'and')} are not sites; write each as nature.com.")
    return tuple(sites)


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
