"""Citations as BibLaTeX, RIS and CSL-JSON, read back by a library for each."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from typing import Any

import citeproc
import pytest
import rispy
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware
from citeproc.source.json import CiteProcJSON
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.export.entries import entries
from pplx_jupyter.receipt import Receipt

KEYS = ["iea2024electricity", "bbc2025price", "evil", "example"]
ADDRESSES = st.sampled_from(["", "x:y", "//a", "javascript:1"]) | st.text(max_size=40).map(
    "https://a.example/".__add__
)


def read_bibtex(text: str, *, decode: bool = True) -> dict[str, dict[str, str]]:
    more = [LatexDecodingMiddleware()] if decode else []
    library = parse_string(text, append_middleware=more)
    assert library.failed_blocks == []
    assert len(library.blocks) == len(library.entries), "a comment or a string came of a title"
    return {entry.key: {field.key: field.value for field in entry.fields} for entry in library.entries}


def test_bibtex(answer: Answer) -> None:
    found = read_bibtex(answer.to_bibtex())
    assert list(found) == KEYS
    assert found["iea2024electricity"] == {
        "title": "IEA Electricity 2024",
        "organization": "iea.org",
        "date": "2024-02-12",
        "url": "https://www.iea.org/reports/electricity-2024",
        "urldate": "2026-11-22",
    }
    assert answer.to_bibtex().startswith("@online{iea2024electricity,\n  title = {{IEA} Electricity 2024},\n")
    assert "url" not in found["evil"]
    as_it_stands = read_bibtex(answer.to_bibtex(), decode=False)
    assert as_it_stands["bbc2025price"]["url"] == "https://news.bbc.co.uk/x?a=1&b=_2_"


def test_ris(answer: Answer) -> None:
    found = rispy.loads(answer.to_ris())
    assert [record["id"] for record in found] == KEYS
    assert found[0] == {
        "id": "iea2024electricity",
        "type_of_reference": "ELEC",
        "title": "IEA Electricity 2024",
        "secondary_title": "iea.org",
        "year": "2024",
        "date": "2024/02/12/",
        "urls": ["https://www.iea.org/reports/electricity-2024"],
        "access_date": "2026/11/22/",
        "database_provider": "Perplexity, written by pplx_jupyter",
    }
    assert "urls" not in found[2]


def test_csl_json(answer: Answer) -> None:
    items = json.loads(answer.to_csl_json())
    assert [item["id"] for item in items] == KEYS
    assert items[0] == {
        "id": "iea2024electricity",
        "type": "webpage",
        "title": "IEA Electricity 2024",
        "container-title": "iea.org",
        "URL": "https://www.iea.org/reports/electricity-2024",
        "issued": {"date-parts": [[2024, 2, 12]]},
        "accessed": {"date-parts": [[2026, 11, 22]]},
        "source": "Perplexity, written by pplx_jupyter",
    }
    assert items[1]["issued"] == {"date-parts": [[2025]]}
    assert "URL" not in items[2]


def formatted(items: list[dict[str, Any]]) -> list[str]:
    """Let a processor of CSL write a bibliography."""
    style = citeproc.CitationStylesStyle("harvard-cite-them-right", validate=False)
    bibliography = citeproc.CitationStylesBibliography(style, CiteProcJSON(items), citeproc.formatter.plain)
    for item in items:
        bibliography.register(citeproc.Citation([citeproc.CitationItem(item["id"])]))
    return [str(each) for each in bibliography.bibliography()]


def test_a_processor_of_csl_takes_it(answer: Answer, hostile: Answer) -> None:
    first = formatted(json.loads(answer.to_csl_json()))[0]
    assert "IEA Electricity 2024" in first
    assert "https://www.iea.org/reports/electricity-2024" in first
    assert len(formatted(json.loads(hostile.to_csl_json()))) == len(hostile.sources)


def test_hostile_titles_break_no_format(hostile: Answer) -> None:
    keys = [entry.key for entry in entries(hostile)]
    bibtex, ris, csl = hostile.to_bibtex(), hostile.to_ris(), hostile.to_csl_json()
    assert list(read_bibtex(bibtex)) == keys
    records = rispy.loads(ris)
    assert [record["id"] for record in records] == keys
    assert {record["type_of_reference"] for record in records} == {"ELEC"}
    assert [item["id"] for item in json.loads(csl)] == keys
    assert "</script" not in csl
    assert json.loads(csl)[3]["title"] == "</script><img src=x onerror=alert(1)>"
    assert read_bibtex(bibtex)[keys[1]]["title"].replace("{", "").replace("}", "") == (
        "EU mid  \\write18rm 100 % & #1 _x_ $y$ ~z ˆw"
    )
    # As LaTeX reads it: a decoder takes a bare "#" for the same.
    assert r"100 \% \& \#1 \_x\_ \$y\$" in bibtex
    for text in (bibtex, ris, csl):
        assert not re.search(
            "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\ufffe\ud800]", text
        )
    for line in bibtex.splitlines():
        # Classic BibTeX counts braces, whatever stands before them.
        depth = 0
        for char in line.partition("= ")[2]:
            depth += {"{": 1, "}": -1}.get(char, 0)
            assert depth >= 0
        assert depth == 0


@given(sources=st.lists(st.tuples(st.text(st.characters()), ADDRESSES, st.text(max_size=12)), max_size=4))
def test_any_source_is_one_entry_of_each(sources: list[tuple[str, str, str]]) -> None:
    answer = Answer(sources=[Source(n, url, title, day) for n, (title, url, day) in enumerate(sources, 1)])
    keys = [entry.key for entry in entries(answer)]
    assert len(set(keys)) == len(sources)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*", key) for key in keys)
    assert list(read_bibtex(answer.to_bibtex())) == keys
    assert [record["id"] for record in rispy.loads(answer.to_ris())] == keys
    assert [item["id"] for item in json.loads(answer.to_csl_json())] == keys


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (Source(1, "https://en.wikipedia.org/wiki/Tea", "Tea - Wikipedia", "2025-01-01"), "wikipedia2025tea"),
        (Source(1, "https://www.bbc.co.uk/a", "How the price of power fell"), "bbcprice"),
        (Source(1, "https://ec.europa.eu/x", "Énergie: les prix", "2023"), "europa2023energie"),
        (Source(1, "https://agency.gov.uk/x", "2024", "2024-05"), "agency2024x"),
        (Source(1, "http://127.0.0.1:8888/lab", "Lab"), "lab"),
        (Source(1, "https://[2001:db8::1]/", "2020 vision"), "vision"),
        (Source(1, "https://xn--bcher-kva.example/", "日本", "2020"), "bucher2020"),
        (Source(1, "", ""), "source"),
        (Source(1, "https://123.example/", "456"), "source123"),
        (Source(1, "https://a.example/", "L’électricité: d'abord"), "alelectricite"),
        (Source(1, "https://a.example/what/the/tea", "What we should know"), "aknow"),
        (Source(1, "https://a.example/the/of-tea", "Über den"), "auber"),
        (Source(1, "https://a.example/the/of-tea", "About us"), "atea"),
        (Source(1, "https://a.example/x", "Tea", last_updated="2026-02-03"), "atea"),
    ],
)
def test_keys_are_readable(source: Source, key: str) -> None:
    [entry] = entries(Answer(sources=[source]))
    assert entry.key == key


def test_a_key_stays_with_its_source() -> None:
    a, b, c = (Source(n, f"https://iea.org/{x}", "Power", "2024") for n, x in ((1, "a"), (2, "b"), (3, "c")))
    other = Source(4, "https://other.org/", "Power", "2024")
    before = {e.url: e.key for e in entries(Answer(sources=[a, b, c, other]))}
    assert before["https://iea.org/a"] == "iea2024powera"
    assert before["https://other.org/"] == "other2024power"
    moved = [dataclasses.replace(s, number=n) for n, s in enumerate([other, c, a, b], 1)]
    assert {e.url: e.key for e in entries(Answer(sources=moved))} == before


def test_letters_never_meet_another_key() -> None:
    sources = [Source(1, "https://iea.org/1", "Power"), Source(2, "https://iea.org/2", "Power")]
    sources += [Source(3, "https://iea.org/3", "Powera")]
    sources += [Source(n, f"https://iea.org/{n}", "Power") for n in range(4, 40)]
    keys = [entry.key for entry in entries(Answer(sources=sources))]
    assert len(set(keys)) == len(keys)


def test_the_day_of_access_is_the_day_of_the_answer(answer: Answer) -> None:
    assert answer.receipt
    asked = dataclasses.replace(answer.receipt, settled_at=None)
    assert "urldate = {2026-11-22}" in dataclasses.replace(answer, receipt=asked).to_bibtex()
    assert "urldate" not in dataclasses.replace(answer, receipt=None).to_bibtex()
    # What a lockfile pins is the same in every time zone.
    late = datetime.datetime(2026, 11, 23, 0, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    pinned = Receipt("x", settled_at=late, reuse="lockfile")
    assert "urldate = {2026-11-22}" in dataclasses.replace(answer, receipt=pinned).to_bibtex()


def test_what_the_simulator_invented_says_so(answer: Answer) -> None:
    invented = dataclasses.replace(answer, simulated=True)
    assert invented.to_bibtex().count("note = {Invented by the simulator}") == 4
    assert invented.to_ris().count("N1  - Invented by the simulator") == 4
    assert invented.to_csl_json().count("Invented by the simulator") == 4
    assert "Invented" not in answer.to_bibtex() + answer.to_ris() + answer.to_csl_json()


def test_a_day_of_change_is_noted_and_is_no_date(answer: Answer) -> None:
    sources = [Source(1, "https://a.example", "A", last_updated="2026-02-03")]
    updated = dataclasses.replace(answer, sources=sources)
    entry = read_bibtex(updated.to_bibtex())["a"]
    assert "date" not in entry
    assert entry["note"] == "Last updated 2026-02-03"
    assert "N1  - Last updated 2026-02-03\r\n" in updated.to_ris()
    assert not {"PY", "DA"} & {line[:2] for line in updated.to_ris().splitlines()}
    [item] = json.loads(updated.to_csl_json())
    assert "issued" not in item
    assert item["note"] == "Last updated 2026-02-03"
    invented = dataclasses.replace(updated, simulated=True).to_bibtex()
    assert "note = {Invented by the simulator; Last updated 2026-02-03}" in invented
    both = [dataclasses.replace(sources[0], date="2024")]
    assert "updated" not in dataclasses.replace(answer, sources=both).to_bibtex()


def test_no_sources_are_no_entries() -> None:
    assert (Answer().to_bibtex(), Answer().to_ris(), json.loads(Answer().to_csl_json())) == ("", "", [])
