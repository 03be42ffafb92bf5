"""The pages an answer rests on, its images and the steps of its search, from either API's body."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pplx_jupyter.answer import Image, Search, Source
from pplx_jupyter.reading.figures import read_count

__all__ = [
    "agent_items",
    "agent_searches",
    "agent_sources",
    "as_list",
    "as_text",
    "read_images",
    "sonar_sources",
]


def sonar_sources(completion: Mapping[str, Any]) -> tuple[Source, ...]:
    """Give the pages, numbered by their place in ``citations``; then those of ``search_results`` alone.

    What ``search_results`` says of a page is matched by its address, since both lists can
    differ in length and order.
    """
    results = [_result(item) for item in as_list(completion.get("search_results"))]
    by_address = {_address(result.url): result for result in reversed(results) if result is not None}
    by_url = {result.url: result for result in reversed(results) if result is not None}
    sources: list[Source] = []
    citations = as_list(completion.get("citations"))
    for place, item in enumerate(citations):
        cited = _result(item if isinstance(item, Mapping) else {"url": item})
        if cited is None:
            # The place counts, or every later marker would point at its neighbour.
            cited = results[place] if place < len(results) else None
        else:
            found = by_url.get(cited.url) or by_address.get(_address(cited.url))
            cited = dataclasses.replace(found, url=cited.url) if found is not None else cited
        if cited is not None:
            sources.append(dataclasses.replace(cited, number=place + 1))
    named = {_address(source.url) for source in sources}
    number = len(citations)
    for place, result in enumerate(results, 1):
        if not citations:
            number = place
        elif result is None or _address(result.url) in named:
            continue
        else:
            number += 1
        if result is not None:
            sources.append(dataclasses.replace(result, number=number))
            named.add(_address(result.url))
    return tuple(sources)


def _address(url: str) -> str:
    bare = re.sub(r"\A[a-z]+://(?:www\.)?", "", url.strip(), flags=re.IGNORECASE)
    return bare.partition("#")[0].rstrip("/")


def agent_items(response: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the items of ``output``."""
    return [item for item in as_list(response.get("output")) if isinstance(item, Mapping)]


def agent_sources(response: Mapping[str, Any]) -> tuple[Source, ...]:
    """Give the pages, numbered by their result ids; those without one come after the highest."""
    by_id: dict[int, Source] = {}
    without_id: list[Source] = []
    for item in agent_items(response):
        key = {"search_results": "results", "fetch_url_results": "contents"}.get(
            as_text(item.get("type")), ""
        )
        for entry in as_list(item.get(key)):
            result = _result(entry)
            if result is None:
                continue
            number = _number(entry.get("id"))
            if number is None:
                without_id.append(result)
            elif number not in by_id:
                by_id[number] = dataclasses.replace(result, number=number)
            elif _address(by_id[number].url) != _address(result.url):
                without_id.append(result)
    sources = list(by_id.values())
    named = {_address(source.url) for source in sources}
    number = max(by_id, default=0)
    for result in without_id:
        if _address(result.url) not in named:
            named.add(_address(result.url))
            number += 1
            sources.append(dataclasses.replace(result, number=number))
    return tuple(sources)


def agent_searches(response: Mapping[str, Any]) -> Iterator[Search]:
    """Give the steps of the search, oldest first."""
    for item in agent_items(response):
        kind = item.get("type")
        if kind == "search_results":
            found = item.get("results")
            results = len(found) if isinstance(found, list) else None
            queries = [
                text for query in as_list(item.get("queries")) if (text := as_text(query).strip())
            ] or [""]
            for query in queries:
                # Several queries share one list of pages; which page came from which is not told.
                yield Search("searched", query, results if len(queries) == 1 else None)
        elif kind == "fetch_url_results":
            for page in as_list(item.get("contents")):
                result = _result(page)
                if result is not None:
                    yield Search("read", result.url)


def _result(item: Any) -> Source | None:
    """Read one page; None where it has no address."""
    if not isinstance(item, Mapping):
        return None
    url = as_text(item.get("url")).strip()
    if not url:
        return None
    return Source(
        number=0,
        url=url,
        title=as_text(item.get("title")).strip(),
        date=as_text(item.get("date")).strip() or None,
        last_updated=as_text(item.get("last_updated")).strip() or None,
        snippet=as_text(item.get("snippet")),
    )


def read_images(images: Any) -> Iterator[Image]:
    """Give the images; those without an address are left out."""
    for item in as_list(images):
        fields = item if isinstance(item, Mapping) else {"image_url": item}
        url = (as_text(fields.get("image_url")) or as_text(fields.get("url"))).strip()
        if url:
            yield Image(
                url=url,
                origin_url=as_text(fields.get("origin_url")).strip(),
                title=as_text(fields.get("title")).strip(),
                width=read_count(fields.get("width")),
                height=read_count(fields.get("height")),
            )


def _number(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"(?:\w+:)?[0-9]{1,9}", value):
        value = int(value.rpartition(":")[2])
    number = read_count(value)
    return number if number is not None and number > 0 else None


def as_list(value: Any) -> list[Any]:
    """Give a list; anything else is an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Give a string that can be encoded; anything else is ``""``."""
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs: whole pairs are joined, single ones become U+FFFD.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
