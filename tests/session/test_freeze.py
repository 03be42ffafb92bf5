"""Freezing a notebook's answers, and asking a session that has nothing else."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pplx_jupyter
from pplx_jupyter import frozen as frozen_module
from pplx_jupyter import session as session_module
from pplx_jupyter.asking import research
from pplx_jupyter.errors import KeyMissing, LedgerError, NotFrozen, RequestError
from pplx_jupyter.freeze import cells_of, freeze
from pplx_jupyter.frozen import FrozenSession, frozen_session, lockfile_of, notebook_path, thawed_session
from pplx_jupyter.job import Job, attach, jobs
from pplx_jupyter.ledger import lockfile
from pplx_jupyter.request import Request
from pplx_jupyter.session import Session, current_session, use_session
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.simulator import Simulator
    from tests.asking import Asker


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder of its own, with nobody who tells which notebook this is."""
    monkeypatch.chdir(tmp_path)
    for name in ("JPY_SESSION_NAME", "PPLX_JUPYTER_NOTEBOOK", "PPLX_JUPYTER_FROZEN"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    use_session(None)


@pytest.fixture
def asker(ask: Callable[..., Asker], sim: Simulator) -> Asker:
    return ask(sim)


def cell_of(
    *shown: Job, source: str = "%%pplx_research\nWhat?", cell_id: str = "", count: int | None = 1
) -> dict[str, Any]:
    """Give a saved code cell that shows these jobs, each in two outputs."""
    ours = [{"job": job.id, "fingerprint": job.row.fingerprint, "state": job.status} for job in shown]
    outputs = [
        {"output_type": "display_data", "data": {"text/plain": "…"}, "metadata": {"pplx_jupyter": each}}
        for each in ours
        for _ in range(2)
    ]
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": source,
        "execution_count": count,
        "metadata": {},
        "outputs": outputs,
    }


def save(*cells: dict[str, Any], name: str = "market.ipynb") -> Path:
    path = Path(name)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def answered(asker: Asker, prompt: str, **rest: Any) -> Job:
    job = asker.job(prompt, **rest)
    assert asker.end(job) == "completed"
    return job


def kept(path: str = "market.pplx.json") -> list[str]:
    return [each["job"] for each in lockfile.read(Path(path)).entries]


def test_every_answer_that_the_outputs_show_is_kept_once(asker: Asker) -> None:
    tea, rum = answered(asker, "What is tea?", name="tea"), answered(asker, "What is rum?")
    other = answered(asker, "What is ale?")
    markdown = {"cell_type": "markdown", "source": "%%pplx_research\nNo question", "metadata": {}}
    notebook = save(markdown, cell_of(tea), cell_of(source="1 + 1"), cell_of(rum, tea, source="tea"))
    done = freeze(notebook, asker.session)
    assert set(kept()) == {tea.id, rum.id}
    assert other.id not in Path("market.pplx.json").read_text()
    assert (done.kept, done.dropped, done.left_out, done.unsaved) == (2, 0, [], 0)
    said = str(done).splitlines()
    assert said[0].startswith("market.pplx.json: 2 answers, ")
    assert said[0].endswith("0.00 USD when asked.")
    assert "PPLX_JUPYTER_FROZEN=1" in said[1]
    assert len(said) == 2
    before = Path("market.pplx.json").read_bytes()
    freeze(notebook, asker.session)
    assert Path("market.pplx.json").read_bytes() == before


def test_what_is_no_longer_used_is_dropped_and_both_takes_are_kept(asker: Asker) -> None:
    tea, rum = answered(asker, "What is tea?"), answered(asker, "What is rum?")
    freeze(save(cell_of(tea), cell_of(rum)), asker.session)
    second = answered(asker, "What is tea?", take=2)
    done = freeze(save(cell_of(tea), cell_of(second)), asker.session)
    assert set(kept()) == {tea.id, second.id}
    assert done.dropped == 1
    assert "Dropped from it: 1 answer that the notebook no longer uses." in str(done)


def test_cells_without_an_answer_are_named_with_the_reason(asker: Asker) -> None:
    tea = answered(asker, "What is tea?")
    failed = asker.job("What is rum? outcome:failed", name="rum")
    assert asker.end(failed) == "failed"
    going = asker.submit("What is ale? seconds:999999")
    lost = cell_of(tea, source="%%pplx_research x\nWhat was it?", count=9)
    for output in lost["outputs"]:
        output["metadata"]["pplx_jupyter"] = {"job": "000000", "fingerprint": "v1:none", "state": "completed"}
    notebook = save(
        cell_of(tea),
        cell_of(failed, source="%%pplx_research rum\nWhat is rum?", count=4),
        cell_of(going, source="%%pplx_research\nWhat is ale?", count=5),
        cell_of(source="%%pplx_research more\n\nWhat is {{ gin }}?", count=None),
        cell_of(source="%%pplx_research --dry-run\nWhat is mead?"),
        cell_of(source="%pplx_research"),
        lost,
    )
    done = freeze(notebook, asker.session)
    assert kept() == [tea.id]
    where = asker.session.ledger.where
    assert done.left_out == [
        f"cell 4 (“What is rum?”): rum ({failed.id}) gave no answer (failed). A frozen run stops there.",
        f"cell 5 (“What is ale?”): {going.id} is still under way. Freeze when its answer is there.",
        "cell 4 (“What is {{ gin }}?”) has not been run, or shows no answer.",
        f"cell 9 (“What was it?”): job 000000 is not in the ledger {where}. Run the cell again, then freeze.",
    ]
    assert str(done).count("\nLeft out: ") == 4


def test_an_output_saved_while_its_job_was_under_way_is_frozen_when_the_answer_is_there(
    ask: Callable[..., Asker], still: Simulator, until: Callable[..., None]
) -> None:
    asker = ask(still)
    job = asker.job("What is tea?")
    until(lambda: job.row.accepted_at)
    cell = cell_of(job)
    still.advance(3_600)
    assert asker.end(job) == "completed"
    freeze(save(cell), asker.session)
    assert kept() == [job.id]


def test_what_the_ledger_has_lost_stays_in_the_lockfile(asker: Asker, sim: Simulator) -> None:
    tea, rum = answered(asker, "What is tea?"), answered(asker, "What is rum?")
    notebook = save(cell_of(tea), cell_of(rum))
    freeze(notebook, asker.session)
    before = Path("market.pplx.json").read_bytes()
    empty = Session(
        api_key="pplx-test-0123456789", base_url=sim.url, ledger="other.sqlite", settings=Settings()
    )
    assert freeze(notebook, empty).kept == 2
    assert Path("market.pplx.json").read_bytes() == before


def test_an_answer_of_another_ledger_is_taken_from_this_one_by_its_question(asker: Asker) -> None:
    tea = answered(asker, "What is tea?")
    cell = cell_of(tea)
    for output in cell["outputs"]:
        output["metadata"]["pplx_jupyter"]["job"] = "ffffff"
    freeze(save(cell), asker.session)
    assert kept() == [tea.id]


def test_a_newer_answer_of_the_ledger_goes_before_an_older_one_of_the_lockfile(asker: Asker) -> None:
    first = answered(asker, "What is tea?")
    freeze(save(cell_of(first)), asker.session)
    second = answered(asker, "What is tea?", refresh=True)
    cell = cell_of(first)
    for output in cell["outputs"]:
        output["metadata"]["pplx_jupyter"]["job"] = "ffffff"
    freeze(save(cell), asker.session)
    assert kept() == [second.id]


def test_an_id_that_means_another_question_here_is_not_taken_for_it(asker: Asker) -> None:
    tea = answered(asker, "What is tea?")
    cell = cell_of(tea)
    for output in cell["outputs"]:
        output["metadata"]["pplx_jupyter"]["fingerprint"] = "v1:else"
    done = freeze(save(cell), asker.session)
    assert done.kept == 0
    assert not Path("market.pplx.json").exists()
    assert "was not written: the notebook shows no answer" in str(done)


def test_an_id_that_means_another_question_in_the_lockfile_is_not_taken_for_it(
    asker: Asker, sim: Simulator
) -> None:
    tea = answered(asker, "What is tea?")
    freeze(save(cell_of(tea)), asker.session)
    empty = Session(
        api_key="pplx-test-0123456789", base_url=sim.url, ledger="other.sqlite", settings=Settings()
    )
    cell = cell_of(tea)
    for output in cell["outputs"]:
        output["metadata"]["pplx_jupyter"]["fingerprint"] = "v1:else"
    assert freeze(save(cell), empty).kept == 0


def test_what_an_answer_follows_or_is_compared_with_is_kept_with_it(asker: Asker) -> None:
    tea, rum = answered(asker, "What is tea?"), answered(asker, "What is rum?")
    since = tea.ask("Since when?")
    asker.end(since)
    freeze(save(cell_of(since)), asker.session)
    assert sorted(kept()) == sorted([tea.id, since.id])
    cell = cell_of(rum)
    for output in cell["outputs"]:
        output["metadata"]["pplx_jupyter"]["compared_with"] = {"job": tea.id}
    freeze(save(cell), asker.session)
    assert sorted(kept()) == sorted([tea.id, rum.id])


def test_a_lockfile_that_was_changed_is_written_anew_or_left_where_it_may_hold_what_is_lost(
    asker: Asker,
) -> None:
    tea = answered(asker, "What is tea?", name="tea")
    path = Path("market.pplx.json")
    freeze(save(cell_of(tea)), asker.session)
    sound = path.read_bytes()
    for broken in (sound.replace(b"simulated", b"genuine"), b"<<<<<<< HEAD\n" + sound):
        path.write_bytes(broken)
        assert freeze(save(cell_of(tea)), asker.session).kept == 1
        assert path.read_bytes() == sound
        path.write_bytes(broken)
        lost = cell_of(tea)
        lost["outputs"][0]["metadata"]["pplx_jupyter"] = {"job": "000000", "fingerprint": "v1:none"}
        with pytest.raises(LedgerError, match=r"was changed after it was frozen|is not readable"):
            freeze(save(cell_of(tea), lost), asker.session)
        assert path.read_bytes() == broken
    path.write_text('{"format": 9, "answers": []}')
    with pytest.raises(LedgerError, match="newer version"):
        freeze(save(cell_of(tea)), asker.session)
    assert "9" in path.read_text()


def test_what_the_kernel_shows_is_newer_than_the_file(asker: Asker) -> None:
    old, new, fresh, held = (answered(asker, f"What is {what}?") for what in ("tea", "rum", "ale", "gin"))
    notebook = save(cell_of(old, cell_id="a"), cell_of(cell_id="b"))
    done = freeze(
        notebook, asker.session, shown={"a": [new.id], "b": [new.id], "c": [fresh.id]}, held=[held.id]
    )
    assert set(kept()) == {new.id, fresh.id, held.id}
    assert (done.unsaved, done.left_out) == (3, [])
    assert "The notebook’s file does not show 3 of these answers yet: save it." in str(done)
    # A notebook that was never saved has no file to be behind.
    done = freeze(Path("new.ipynb"), asker.session, shown={"a": [new.id]})
    assert kept("new.pplx.json") == [new.id]
    assert done.unsaved == 0


def test_a_result_is_frozen_for_the_notebook_that_it_came_from(asker: Asker) -> None:
    tea = answered(asker, "What is tea?")
    result = save(cell_of(tea), name="market-run.ipynb")
    for out in ("market.pplx.json", "market.ipynb", "market"):
        assert str(freeze(result, asker.session, out=Path(out)).path) == "market.pplx.json"
    assert lockfile.read(Path("market.pplx.json")).notebook == "market.ipynb"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "cannot be read as a notebook"), ("[]", "not a notebook of format 4"), ('{"worksheets": []}', "format 4")],
)  # fmt: skip
def test_what_is_no_notebook_is_refused(text: str, said: str, asker: Asker) -> None:
    Path("market.ipynb").write_text(text)
    with pytest.raises(RequestError, match=said):
        freeze(Path("market.ipynb"), asker.session)
    with pytest.raises(RequestError, match=r"none\.ipynb cannot be read as a notebook: No such file"):
        freeze(Path("none.ipynb"), asker.session)


def test_odd_outputs_are_no_answers() -> None:
    odd: list[Any] = [
        None,
        3,
        {},
        {"metadata": 3},
        {"metadata": {"pplx_jupyter": []}},
        {"metadata": {"pplx_jupyter": {"job": 3}}},
    ]
    cells = [
        {"cell_type": "code", "source": ["%%pplx_research\n", "What?"], "outputs": odd},
        {"cell_type": "code", "source": None, "outputs": 3},
        3,
    ]
    path = Path("market.ipynb")
    path.write_text(json.dumps({"cells": cells}))
    first, second = cells_of(path)
    assert (first.used, first.asks, first.label) == ([], True, "cell 1 (“What?”)")
    assert (second.used, second.asks) == ([], False)


# -- asking a frozen session


@pytest.fixture
def pinned(asker: Asker) -> tuple[Job, Job]:
    """Freeze two answers as market.pplx.json."""
    tea = answered(asker, "What is tea?", name="tea")
    rum = answered(asker, "What is rum?", backend="agent")
    freeze(save(cell_of(tea), cell_of(rum)), asker.session)
    asker.session.close()
    return tea, rum


def ask_frozen(**settings: Any) -> FrozenSession:
    return FrozenSession(Settings(frozen=True, **settings))


def test_it_answers_without_key_address_or_ledger(
    pinned: tuple[Job, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    tea, rum = pinned
    monkeypatch.setenv("PPLX_JUPYTER_FROZEN", "1")
    monkeypatch.setenv("PPLX_JUPYTER_LEDGER", "never.sqlite")
    monkeypatch.setenv("PERPLEXITY_BASE_URL", "http://127.0.0.1:1")
    job = research("What is tea?", name="brew", refresh=True)
    assert job.id == tea.id
    assert job.wait(timeout=1).text == (tea.answer.text if tea.answer else "")
    assert job.answer is not None
    assert job.answer.raw == tea.raw
    assert job.cost == tea.cost
    assert job.receipt.reuse == "lockfile"
    assert job.receipt.now is None
    assert job.receipt.asked_at is not None
    assert job.receipt.asked_at.utcoffset() is not None
    assert job.receipt.asked_at.tzname() == "UTC"
    assert attach("brew").id == tea.id
    assert {each.id: each.reuse for each in jobs()} == {tea.id: "lockfile", rum.id: "lockfile"}
    assert research("What is rum?").id == rum.id
    assert research("What is rum?", backend="sonar").id == rum.id
    assert pickle.loads(pickle.dumps(job)).answer == job.answer  # noqa: S301
    forms = job._repr_mimebundle_()
    assert all("From the lockfile" in form for form in forms.values())
    assert not Path("never.sqlite").exists()


def test_of_two_answers_the_one_of_the_named_api_is_given(asker: Asker) -> None:
    found = {backend: answered(asker, "What is tea?", backend=backend) for backend in ("agent", "sonar")}
    freeze(save(cell_of(*found.values())), asker.session)
    session = ask_frozen()
    for backend, job in found.items():
        assert research("What is tea?", backend=backend, session=session).id == job.id


def test_a_follow_up_is_found_after_a_newer_answer_than_it_was_asked_after(asker: Asker) -> None:
    tea = answered(asker, "What is tea?")
    since = tea.ask("Since when?")
    asker.end(since)
    newer = answered(asker, "What is tea?", refresh=True)
    freeze(save(cell_of(newer), cell_of(since)), asker.session)
    session = FrozenSession(Settings(notebook="market.ipynb"))
    again = research("What is tea?", session=session)
    assert again.id == newer.id
    assert again.ask("Since when?").id == since.id
    with pytest.raises(NotFrozen):
        again.ask("And where?")


def test_a_question_that_is_not_in_it_names_the_cell(pinned: tuple[Job, Job]) -> None:
    session = ask_frozen()
    with pytest.raises(NotFrozen) as caught:
        session.submit(Request(prompt="What is ale? And why?"))
    said = "“What is ale?” is not in market.pplx.json; run it once without --frozen. Nothing was sent."
    assert str(caught.value) == said
    session.cell = lambda: "cell 7"
    with pytest.raises(NotFrozen) as caught:
        session.submit(Request(prompt="What is tea?", take=2))
    assert str(caught.value).startswith("cell 7 (“What is tea?”) is not in market.pplx.json; ")


def test_nothing_can_be_sent_or_changed(pinned: tuple[Job, Job]) -> None:
    session = ask_frozen()
    job = Job(session, pinned[0].id)
    for act in (job.cancel, lambda: session.ask_now(job.id), lambda: session.settle(job.id, ask_again=True)):
        with pytest.raises(RequestError, match="a frozen run sends nothing and changes nothing"):
            act()
    with pytest.raises(RequestError):
        job.retry()
    assert not session.has_key
    with pytest.raises(KeyMissing, match="uses no key"):
        _ = session.key
    session.watch()
    assert session._watchers == {}


def test_questions_shaped_by_settings_are_found_where_those_are_not_set(
    ask: Callable[..., Asker], sim: Simulator
) -> None:
    asker = ask(sim, settings=Settings(effort="high", budget=1e6))
    job = answered(asker, "What is tea?")
    freeze(save(cell_of(job)), asker.session)
    request = Request(prompt="What is tea?")
    assert ask_frozen().submit(request).row.id == job.id
    assert ask_frozen(effort="low").submit(request).row.id == job.id
    assert ask_frozen(backend="agent").submit(request).row.id == job.id
    with pytest.raises(NotFrozen):
        ask_frozen().submit(request.replace(reasoning_effort="low"))
    for settings in (asker.session.settings, Settings()):
        asker.session.settings = settings
        freeze(save(cell_of(job)), asker.session)
        assert lockfile.read(Path("market.pplx.json")).settings == {"effort": "high"}


def test_other_versions_are_told_once(
    pinned: tuple[Job, Job], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_frozen().submit(Request(prompt="What is tea?"))
    assert capsys.readouterr() == ("", "")
    here = dict(frozen_module.versions_here())
    assert set(here) == {"markdown", "nh3", "pplx_jupyter", "pygments", "python"}
    other = here | {"nh3": "0.4.0", "markdown": "9.9"}
    monkeypatch.setattr(frozen_module, "versions_here", lambda: other)
    monkeypatch.setattr(frozen_module, "_told", set())
    for _ in range(2):
        ask_frozen().submit(Request(prompt="What is tea?"))
    told = f"frozen with markdown {here['markdown']}, here 9.9; nh3 {here['nh3']}, here 0.4.0: outputs may differ."
    assert capsys.readouterr() == ("", f"pplx_jupyter: {told}\n")


def test_a_changed_lockfile_is_noticed_by_a_session_that_has_read_it(pinned: tuple[Job, Job]) -> None:
    session = ask_frozen()
    path = Path("market.pplx.json")
    session.submit(Request(prompt="What is tea?"))
    path.write_text(path.read_text().replace('"What is tea?"', '"What is tee?"', 1))
    with pytest.raises(LedgerError, match=r"the answer tea \(\w+\) was changed"):
        session.submit(Request(prompt="What is tea?"))


def test_the_lockfile_stays_the_one_it_found_when_the_folder_changes(
    pinned: tuple[Job, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ask_frozen()
    job = Job(session, session.submit(Request(prompt="What is tea?")).row.id)
    monkeypatch.chdir("/")
    assert job.answer is not None


def test_this_notebook_is_looked_for_in_the_designs_order(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notebook_path(Settings()) is None
    with pytest.raises(RequestError, match=r"there is no lockfile in .* name it in PPLX_JUPYTER_NOTEBOOK"):
        lockfile_of(Settings())
    Path("only.pplx.json").touch()
    Path(".only.pplx.json").touch()
    assert notebook_path(Settings()) == Path("only.ipynb")
    assert Settings().notebook_name == "", "what a lockfile lets guess counts for no notebook's budget"
    assert lockfile_of(Settings()) == Path("only.pplx.json")
    Path("two.pplx.json").touch()
    with pytest.raises(RequestError, match=r"has 2 lockfiles \(only\.pplx\.json, two\.pplx\.json\)"):
        notebook_path(Settings())
    monkeypatch.setattr(
        sys.modules["__main__"], "__vsc_ipynb_file__", str(here / "code.ipynb"), raising=False
    )
    assert notebook_path(Settings()) == here / "code.ipynb"
    assert Settings().notebook_name == "code.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", "a/folder/of/the/server/served.ipynb")
    assert notebook_path(Settings()) == Path("served.ipynb")
    assert Settings().notebook_name == "served.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(here / "served.ipynb"))
    assert notebook_path(Settings()) == here / "served.ipynb"
    with pytest.raises(
        NotFrozen, match=r"there is no served\.pplx\.json in .*: run the notebook without --frozen"
    ):
        lockfile_of(Settings())
    for name in ("sub/two", "sub/two.ipynb", "sub/two.pplx.json"):
        assert notebook_path(Settings(notebook=name)) == Path("sub/two.ipynb")


def test_freezing_and_thawing_give_the_same_session_back(pinned: tuple[Job, Job], asker: Asker) -> None:
    use_session(asker.session)
    cold = Settings(frozen=True)

    def cell() -> str:
        return "cell 1"

    first = frozen_session(cold, cell=cell)
    assert current_session() is first
    assert frozen_session(cold, cell=cell) is first
    other = frozen_session(Settings(frozen=True, notebook="market"), cell=cell)
    assert other is not first
    assert thawed_session(Settings()) is asker.session
    assert current_session() is asker.session
    # One frozen cell does not freeze what follows.
    assert frozen_session(Settings(), cell=cell).frozen
    assert current_session() is asker.session


def test_the_environment_alone_makes_the_first_session_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    use_session(None)
    assert not current_session().frozen
    use_session(None)
    monkeypatch.setenv("PPLX_JUPYTER_FROZEN", "1")
    assert current_session().frozen
    assert pplx_jupyter.NotFrozen is NotFrozen
    assert isinstance(session_module.current_session(), FrozenSession)


def test_the_command_line_tells_by_its_exit_code(asker: Asker, sim: Simulator) -> None:
    tea = answered(asker, "What is tea?")
    save(cell_of(tea))
    save(cell_of(tea), cell_of(source="%%pplx_research\nWhat is rum?"), name="half.ipynb")
    save(cell_of(source="1 + 1"), name="none.ipynb")

    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pplx_jupyter.cli", "freeze", *words]
        environment = {
            "PPLX_JUPYTER_LEDGER": asker.session.ledger.where,
            "PERPLEXITY_BASE_URL": sim.url,
            "PPLX_JUPYTER_FROZEN": "1",
        }
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return ran.returncode, ran.stdout + ran.stderr

    code, said = run("market.ipynb")
    assert (code, said.splitlines()[0][:25]) == (0, "market.pplx.json: 1 answe")
    assert kept() == [tea.id]
    code, said = run("half.ipynb", "-o", "other.pplx.json")
    assert code == 1
    assert "Left out: cell 1 (“What is rum?”) has not been run" in said
    assert kept("other.pplx.json") == [tea.id]
    code, said = run("none.ipynb")
    assert code == 1
    assert "was not written" in said
    code, said = run("absent.ipynb")
    assert code == 2
    assert said.startswith("pplx-jupyter freeze: absent.ipynb cannot be read as a notebook: No such file")
    assert run()[0] == 2
