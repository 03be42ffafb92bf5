"""What stands above an answer about how it came: what it follows, and a cancel that came too late."""

from __future__ import annotations

from pplx_jupyter.answer import Answer, Cost
from pplx_jupyter.receipt import Earlier, Receipt
from pplx_jupyter.render import answer_forms

ANSWER = Answer(text="Since 2737 BC.", cost=Cost(0.82, {}), understood=True)
HOSTILE = "<script>alert(1)</script> [x](javascript:y) $1$ \u202e"


def test_a_follow_up_names_what_it_follows_and_folds_the_questions_away() -> None:
    follows = (
        Earlier("7f3a9c", "since", "And since when?", "And since when?\nBe exact."),
        Earlier("11aa22", "tea", "What is tea?", "What is tea? Tell me."),
        Earlier("99ff00"),
    )
    forms = answer_forms(ANSWER, Receipt("abc", question="Where?", follows=follows))
    above = forms["text/html"].partition("<h3")[0]
    assert "Follows since (7f3a9c): “And since when?”</summary>" in above
    assert "Be exact." in above
    assert "Which follows tea (11aa22): “What is tea?”" in above
    assert "Which follows 99ff00: its question is deleted" in above
    assert "<details open" not in above
    for form in ("text/markdown", "text/plain"):
        head = forms[form].partition("Where?")[0]
        assert head.index("Follows since (7f3a9c): “And since when?”") < head.index(
            "Which follows tea (11aa22)"
        )
        assert "Be exact." not in head


def test_a_thread_is_cleaned_like_everything_else() -> None:
    follows = (Earlier(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)
    forms = answer_forms(ANSWER, Receipt("abc", follows=follows))
    assert "<script>alert" not in forms["text/html"]
    assert "<script>alert" not in forms["text/markdown"]
    assert r"\[x\](javascript:y)" in forms["text/markdown"], "its brackets are escaped"
    assert "\u202e" not in "".join(forms.values())


def test_a_cancel_that_came_too_late_says_so_in_the_run_that_asked() -> None:
    said = "It had finished already when Perplexity was asked to stop; here is the answer."
    fresh = answer_forms(ANSWER, Receipt("abc", late=True))
    assert all(said in form for form in fresh.values())
    assert "0.82 USD, billed." in fresh["text/plain"]
    again = answer_forms(ANSWER, Receipt("abc", late=True, reuse="ledger"))
    assert not any(said in form for form in again.values())
