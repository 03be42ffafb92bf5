from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer
from pplx_jupyter.render import answer_forms, clean, highlight

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = sorted(name.removeprefix("language-") for name in clean._languages())


def test_code_is_told_apart_by_elements(html_of: Callable[..., str]) -> None:
    html = html_of("```python\ndef f():  # why\n    return 'a<b' + 1\n```")
    assert html == (
        '<pre><code class="language-python"><b>def </b>f():  <i># why\n    </i><b>return </b>'
        '<span class="pplx-q">\'a&lt;b\' </span>+ <span class="pplx-d">1</span></code></pre>'
    )


@pytest.mark.parametrize("language", ["", "text", "nonsense", "console"])
def test_code_without_a_language_stays_plain(language: str, html_of: Callable[..., str]) -> None:
    html = html_of(f"```{language}\ndef f(): return 'a'\n```")
    assert re.fullmatch(r'<pre><code( class="language-\w+")?>def f\(\): return \'a\'</code></pre>', html)


@pytest.mark.parametrize("code", ["x = 1\n" * 101, "x = " + "1" * 200, ("x = 1" * 30 + "\n") * 25])
def test_large_blocks_stay_plain(code: str) -> None:
    assert highlight.parts(code, "python") == [("", code)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.text(max_size=200))
def test_the_parts_are_the_code(name: str, code: str) -> None:
    assert "".join(text for _, text in highlight.parts(code, name)) == code


def test_the_other_forms_have_the_code_as_it_is() -> None:
    forms = answer_forms(Answer(text="```python\nif x:\n    y()\n```"))
    assert "```python\nif x:\n    y()\n```" in forms["text/markdown"]
    assert "    if x:\n        y()" in forms["text/plain"]
    tree = html5lib.parseFragment(forms["text/html"], namespaceHTMLElements=False)
    assert "".join(tree.find(".//pre").itertext()) == "if x:\n    y()"


@pytest.mark.parametrize("unit", ['\\"', "\\'", "a b ", "(", "{", "<?", "a="])
def test_an_answer_of_hostile_code_is_highlighted_in_time(unit: str) -> None:
    lines = "\n".join([(unit * 200)[:199]] * 14)
    languages = ("go", "perl", "css", "tsx", "cpp", "java", "python", "js")
    text = "\n\n".join(f"```{name}\n{lines}\n```" for name in languages * 20)
    answer_forms(Answer(text="```python\nx\n```"))
    started = time.process_time()
    answer_forms(Answer(text=text))
    assert time.process_time() - started < 2
