from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import html5lib
import pytest

from pplx_jupyter.answer import Answer, Cost, Image, Source
from pplx_jupyter.render import answer_forms, state_forms, stylesheet, wrap

if TYPE_CHECKING:
    from pplx_jupyter.receipt import Receipt

Audit = Callable[[str], None]
HTML, MARKDOWN, PLAIN = "text/html", "text/markdown", "text/plain"


def _text(markup: str) -> str:
    tree = html5lib.parseFragment(markup.replace(stylesheet(), ""), namespaceHTMLElements=False)
    return " ".join("".join(tree.itertext()).split())


def test_the_three_forms_in_full(
    answer: Answer, receipt: Receipt, audit_html: Audit, audit_markdown: Audit
) -> None:
    forms = answer_forms(answer, receipt)
    assert list(forms) == [HTML, MARKDOWN, PLAIN]
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])
    assert (
        forms[MARKDOWN]
        == """\
**Finished** in 4 min 12 s · 0.82 USD · 3 sources · 22 Nov 2026, 14:34

### How have EU prices developed since 2021?

Prices fell[\\[1\\]](https://www.power.example/eer)[\\[2\\]](https://data.example/day-ahead), said one**\\[13\\]**.

#### Table

Annual mean.

| Market | 2021 |
|:--|--:|
| Spain | 112 [\\[2\\]](https://data.example/day-ahead) |

Gas costs <span>&#36;</span>9 to <span>&#36;</span>12.

- a
- b

#### Sources

- \\[1\\] [Power Review](https://www.power.example/eer) – power.example, 12 Feb 2026, cited once
- \\[2\\] [Day-ahead prices](https://data.example/day-ahead) – data.example, no date, cited twice

Found but not cited:

- \\[3\\] [Not used](https://other.example/x) – other.example, no date

---

**1 of 4 citation markers has no source:** \\[13\\]. The service sent 3 sources. The other 3 lead to a source. \
Whether a source supports its sentence is not checked.

Receipt: Reasoning 0.6252 · Searches 0.1900 · Input 0.0001 · **total 0.8153 USD**, as sent by Perplexity. \
Counted: Output 11,395 tokens.

sonar-deep-research, effort high · sonar API · job prices, 7f3a9c · request 5b0e6c1e-9d1f · question v1:5e1d92c40b7a · \
asked 22 Nov 2026, 14:29:51 +01:00 · pplx_jupyter 0.1.0. \
Also kept: prompt as sent, 2 searches, reasoning (3 words), 1 suggested question in `prices.answer`."""
    )
    assert (
        forms[PLAIN]
        == """\
Finished in 4 min 12 s · 0.82 USD · 3 sources · 22 Nov 2026, 14:34

How have EU prices developed since 2021?
================================================================================================

Prices fell[1][2], said one[13: no source].

Table
-----
Annual mean.

Market     2021
---------------
Spain   112 [2]

Gas costs $9 to $12.

* a
* b

Sources
-------
[1] Power Review
    power.example, 12 Feb 2026, cited once
    https://www.power.example/eer
[2] Day-ahead prices
    data.example, no date, cited twice
    https://data.example/day-ahead

Found but not cited
-------------------
[3] Not used
    other.example, no date
    https://other.example/x

------------------------------------------------------------------------------------------------
! 1 of 4 citation markers has no source: [13]. The service sent 3 sources. The other 3 lead to a
source. Whether a source supports its sentence is not checked.
Receipt: Reasoning 0.6252 · Searches 0.1900 · Input 0.0001 · total 0.8153 USD, as sent by
Perplexity. Counted: Output 11,395 tokens.
sonar-deep-research, effort high · sonar API · job prices, 7f3a9c · request 5b0e6c1e-9d1f ·
question v1:5e1d92c40b7a · asked 22 Nov 2026, 14:29:51 +01:00 · pplx_jupyter 0.1.0. Also kept:
prompt as sent, 2 searches, reasoning (3 words), 1 suggested question in prices.answer"""
    )


def test_html_carries_the_same_and_more_in_closed_folds(answer: Answer, receipt: Receipt) -> None:
    html = answer_forms(answer, receipt)[HTML]
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    assert [child.tag for child in tree] == ["div"]
    assert not tree.findall(".//details[@open]")
    folds = [" ".join("".join(s.itertext()).split()) for s in tree.findall(".//footer//summary")]
    assert folds == [
        "Prompt as sent (1 value filled in)",
        "Searches made (2)",
        "Reasoning of the model (3 words)",
        "Receipt: 0.82 USD",
        "Provenance: sonar-deep-research, effort high, sonar API, job 7f3a9c",
        "Ask next (1 suggestion by the model)",
    ]
    assert [li.get("value") for li in tree.findall(".//ol[@class='pplx-src']/li")] == ["1", "2", "3"]
    assert [h.tag for h in tree.iter() if re.fullmatch(r"h\d", str(h.tag))] == ["h3", "h4", "h4"]
    assert "%%pplx_research --after prices\nAnd Italy?" in html
    assert "143,204 tokens" in html


def test_the_state_line_can_stand_elsewhere(answer: Answer, receipt: Receipt) -> None:
    without, state = answer_forms(answer, receipt, state_line=False), state_forms(answer, receipt)
    whole = answer_forms(answer, receipt)
    for form in (MARKDOWN, PLAIN):
        assert whole[form] == f"{state[form]}\n\n{without[form]}"
    assert "Finished" not in without[HTML]
    assert _text(state[HTML]) == "✓ Finished in 4 min 12 s · 0.82 USD · 3 sources · 22 Nov 2026, 14:34"


def test_from_the_ledger(answer: Answer, receipt: Receipt) -> None:
    receipt = dataclasses.replace(receipt, reuse="ledger")
    forms = state_forms(answer, receipt, usual="0.45–1.10 USD, 2–6 min")
    assert forms[MARKDOWN] == (
        "**From your ledger**: answered 22 Nov 2026, 14:34 (3 days before this run) · nothing sent · saved 0.82 USD\n\n"
        "To ask anew, add `--refresh` to the first line of the cell (usually 0.45–1.10 USD, 2–6 min). This answer is kept."
    )
    assert (
        "Receipt: 0.00\xa0USD for this run, 0.82\xa0USD when it was asked"
        in answer_forms(answer, receipt)[HTML]
    )
    assert "as sent by Perplexity; 0.00 USD for this run." in answer_forms(answer, receipt)[MARKDOWN]


def test_from_the_lockfile_nothing_depends_on_now_or_here(answer: Answer, receipt: Receipt) -> None:
    import datetime

    frozen = dataclasses.replace(receipt, reuse="lockfile")
    assert receipt.asked_at is not None
    assert receipt.settled_at is not None
    elsewhere = dataclasses.replace(
        frozen,
        now=None,
        asked_at=receipt.asked_at.astimezone(datetime.UTC),
        settled_at=receipt.settled_at.astimezone(datetime.timezone(datetime.timedelta(hours=9))),
    )
    assert answer_forms(answer, frozen) == answer_forms(answer, elsewhere)
    assert (
        state_forms(answer, frozen)[PLAIN]
        == "From the lockfile: answered 22 Nov 2026, 13:34 UTC · nothing sent"
    )


def test_simulated_answers_say_so_in_every_form(answer: Answer, receipt: Receipt) -> None:
    fake = dataclasses.replace(answer, simulated=True)
    for form in answer_forms(fake, receipt, state_line=False).values():
        assert "Simulated answer: written by the simulator, not by Perplexity." in _text(form)
        assert "as sent by Perplexity" not in form.replace("not by Perplexity", "")
    assert state_forms(fake, receipt)[PLAIN] == (
        "Finished (simulated) in 4 min 12 s · 0.00 USD, nothing left this machine"
    )
    assert (
        answer_forms(answer, dataclasses.replace(receipt, simulated=True))[PLAIN].count("Simulated answer")
        == 1
    )


def test_incomplete_and_moved_stand_above_the_text(answer: Answer, receipt: Receipt) -> None:
    cut = dataclasses.replace(answer, incomplete="max_output_tokens", cost=Cost(0.31))
    plain = answer_forms(cut, dataclasses.replace(receipt, moved=True, backend="agent"))[PLAIN]
    assert plain.startswith("Incomplete after 4 min 12 s · 0.31 USD")
    assert "→ Answered by the agent API." in plain
    assert "! Incomplete: the answer ends early (max_output_tokens reached).\n  0.31 USD, billed.\n" in plain
    assert "--max-tokens 16000 --refresh" in plain


def test_an_answer_alone(answer: Answer) -> None:
    forms = answer_forms(answer)
    assert forms[PLAIN].startswith("Answer 0.82 USD · 3 sources\n\nPrices fell[1][2]")
    assert answer._repr_mimebundle_() == forms
    assert "pplx-7f3a9c-" not in forms[HTML]


def test_an_empty_answer() -> None:
    forms = answer_forms(Answer())
    assert "No sources came with this answer." in _text(forms[HTML])
    assert "cost unknown" in forms[MARKDOWN]
    assert "0.00" not in forms[PLAIN]


@pytest.mark.parametrize(
    ("text", "sources", "said"),
    [
        ("a[1] b[2]", 2, "All 2 citation markers lead to a source. Whether"),
        ("a[1]", 2, "The one citation marker leads to a source. Whether"),
        ("a", 2, "No citation markers, 2 sources: nothing in the text is tied to a source."),
        ("a", 0, "No sources came with this answer."),
        ("a[5] b[5] c[7]", 1, "3 of 3 citation markers have no source: [5], twice; [7]. The service sent 1 source. Whether"),
        ("a[5]", 0, "1 of 1 citation marker has no source: [5]. The service sent no sources. Whether"),
        ("a[1] b[5]", 1, "1 of 2 citation markers has no source: [5]. The service sent 1 source. The other one leads"),
    ],
)  # fmt: skip
def test_integrity(text: str, sources: int, said: str) -> None:
    given = Answer(text=text, sources=[Source(n, f"https://s{n}.example") for n in range(1, sources + 1)])
    assert said in " ".join(answer_forms(given)[PLAIN].split())


def test_agent_sources_are_looked_up_by_id(audit_html: Audit) -> None:
    given = Answer(
        text="a[web:12]", sources=[Source(11, "https://a.example"), Source(12, "https://b.example")]
    )
    forms = answer_forms(given)
    audit_html(forms[HTML])
    assert "[\\[12\\]](https://b.example)" in forms[MARKDOWN]


def test_a_withheld_address(audit_html: Audit, audit_markdown: Audit) -> None:
    given = Answer(text="a[1]", sources=[Source(1, "javascript:alert(1)", "Bad")])
    forms = answer_forms(given)
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])
    for form in forms.values():
        assert "address withheld: not http(s)" in form
        assert "javascript" not in form
    assert re.search(r'<sup class="pplx-c"><span id="pplx-\w+-c1-1">\[1\]</span></sup>', forms[HTML])


def test_estimated_and_unknown_costs(answer: Answer, receipt: Receipt) -> None:
    estimated = dataclasses.replace(answer, cost=Cost(0.39, estimated=True))
    assert "total ≈ 0.3900 USD, estimated" in " ".join(answer_forms(estimated, receipt)[PLAIN].split())
    unknown = dataclasses.replace(answer, cost=Cost())
    html = answer_forms(unknown, receipt)[HTML]
    assert "Receipt: cost unknown" in html
    assert "143,204 tokens" in html


def test_long_answers_have_contents_and_brief_folds_the_rest(receipt: Receipt, audit_html: Audit) -> None:
    text = "Start.\n\n" + "\n\n".join(f"# Part {n}\n\n" + "word " * 400 for n in (1, 2, 3, 4))
    html = answer_forms(Answer(text=text), receipt)[HTML]
    audit_html(html)
    assert "Contents (4 sections, 1,609 words)" in html
    assert html.count('href="#pplx-7f3a9c-s') == 4
    assert '<h4 id="pplx-7f3a9c-s3">Part 3</h4>' in html
    brief = answer_forms(Answer(text=text), receipt, brief=True)
    assert "The rest: 4 sections, 1,608 words" in brief[HTML]
    assert brief[HTML].count("word word") == html.count("word word")
    assert brief[MARKDOWN] == answer_forms(Answer(text=text), receipt)[MARKDOWN]
    assert "Contents" not in answer_forms(Answer(text="# a\n\n# b"), receipt)[HTML]


def test_long_values_of_the_prompt_are_cut(answer: Answer, receipt: Receipt) -> None:
    value = "x" * 1000
    given = dataclasses.replace(receipt, prompt=f"Look at {value}!", filled={"table": value})
    html = answer_forms(answer, given)[HTML]
    assert f"Look at {'x' * 300}… (1,000 characters)!" in html
    assert "x" * 301 not in html


def test_images_are_named_never_loaded(audit_html: Audit) -> None:
    given = Answer(text="a", images=[Image("https://i.example/x.png", title="A cat"), Image("data:x")])
    forms = answer_forms(given)
    audit_html(forms[HTML])
    assert "Images (2), not loaded" in forms[HTML]
    assert "[A cat (i.example)](https://i.example/x.png)" in forms[MARKDOWN]
    assert "https://i.example/x.png" in forms[PLAIN]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def test_images_that_were_fetched_are_embedded(audit_html: Audit, audit_markdown: Audit) -> None:
    pictures = [
        Image("https://i.example/x.png", title='A "cat"', data=PNG),
        Image("javascript:x", data=b"\xff\xd8\xff" + bytes(9)),
        Image("https://i.example/y.svg", data=b"<svg onload=alert(1)>"),
        Image("https://i.example/z.png", data=PNG + bytes(200_000)),
    ]
    forms = answer_forms(Answer(text="a", images=pictures))
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])
    assert forms[HTML].count("<img ") == 2
    assert 'src="data:image/png;base64,iVBOR' in forms[HTML]
    assert 'alt="A &quot;cat&quot; (i.example)"' in forms[HTML]
    assert "Images: 2 of 4 embedded, 2 not loaded" in forms[HTML]
    assert "Images, 2 of 4 embedded in the HTML:" in forms[MARKDOWN]
    assert "data:" not in forms[MARKDOWN] + forms[PLAIN]
    assert "onload" not in forms[HTML]


def test_images_are_two_megabytes_at_most() -> None:
    pictures = [Image(f"https://i.example/{n}.png", data=PNG + bytes(150_000)) for n in range(20)]
    forms = answer_forms(Answer(text="a", images=pictures))
    assert forms[HTML].count("<img ") == 13
    assert "Images: 13 of 20 embedded, 7 not loaded" in forms[HTML]


def test_no_line_of_prose_is_wider_than_96_columns(answer: Answer, receipt: Receipt) -> None:
    wide = dataclasses.replace(
        answer,
        text="word " * 200
        + "\n\n- "
        + "item " * 100
        + "\n\n> "
        + "quote " * 100
        + "\n\n|a|b|\n|-|-|\n|"
        + "cell " * 60
        + "|b|",
    )
    assert max(map(len, answer_forms(wide, receipt)[PLAIN].splitlines())) <= 96


def test_the_same_arguments_give_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys, hashlib; from pplx_jupyter.answer import *; from pplx_jupyter.render import answer_forms;"
        "a = Answer(text='a[1] [x](https://x.example) |\\n```py\\nx\\n```', sources=[Source(1, 'https://a.example')]);"
        "print(hashlib.sha256(repr(answer_forms(a)).encode()).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(3)
    }
    assert len(runs) == 1


def test_words_and_states_load_neither_markdown_nor_the_sanitiser() -> None:
    code = (
        "import sys; import pplx_jupyter.render.words; from pplx_jupyter.render import hint_forms, failure_forms, wrap;"
        "from pplx_jupyter.receipt import Failure, Receipt; hint_forms(Receipt('x')); failure_forms(Failure('failed'), Receipt('x'));"
        "print(sorted({'markdown', 'nh3', 'IPython', 'ipywidgets'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_the_stylesheet_is_small_and_stays_at_home() -> None:
    css = stylesheet()
    assert css.startswith("<style>")
    assert css.endswith("</style>")
    assert len(css) < 5 * 1024
    assert "url(" not in css
    assert "@import" not in css
    body = re.sub(r"@keyframes [\w-]+\{(\w+\{[^}]*\})*\}", "", css[7:-8])
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", body)
    assert len(selectors) > 40
    assert all(".pplx" in selector for selector in selectors)
    assert wrap("<p>a</p>").startswith('<div class="pplx" ')


def test_a_suggested_question_is_a_cell_to_copy(answer: Answer, receipt: Receipt, audit_html: Audit) -> None:
    asked = ["And <b>Italy</b>?\nsecond line", "{{ password }} {% raw %} {#x#} {y} {{{ z }}}", "  "]
    forms = answer_forms(dataclasses.replace(answer, related_questions=asked), receipt)
    audit_html(forms[HTML])
    tree = html5lib.parseFragment(forms[HTML], namespaceHTMLElements=False)
    cells = ["".join(cell.itertext()) for cell in tree.findall(".//footer//pre")]
    assert cells == [
        "%%pplx_research --after prices\nAnd <b>Italy</b>? second line",
        # A template would be filled in from the variables of whoever runs it.
        "%%pplx_research --after prices\n{ { password }} { % raw %} { #x#} {y} { { { z }}}",
    ]
    # A name of two words would be two words of the line.
    named = answer_forms(
        dataclasses.replace(answer, related_questions=["Why?"]), dataclasses.replace(receipt, name="my tea")
    )
    assert f"%%pplx_research --after {receipt.job_id}\nWhy?" in named[HTML]
    # A click selects the whole of it.
    assert ".pplx footer pre{-webkit-user-select:all;user-select:all}" in forms[HTML]
