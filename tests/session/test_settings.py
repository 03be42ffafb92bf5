from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.errors import RequestError
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(text)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    return inner


def test_the_order(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        '[tool.pplx_jupyter]\nmodel = "file"\neffort = "low"\nnotebook = "file"\ntimeout = 5\nimages = true\n',
    )
    environ = {
        "PPLX_JUPYTER_MODEL": "environment",
        "PPLX_JUPYTER_EFFORT": "medium",
        "PPLX_JUPYTER_TIMEOUT": "7.5",
    }
    found = Settings.load({"model": "given", "effort": None}, environ=environ, folder=folder)
    assert (found.model, found.effort, found.notebook) == ("given", "medium", "file")
    assert (found.timeout, found.images, found.backend, found.wait) == (7.5, True, "auto", None)


def test_defaults(tmp_path: Path) -> None:
    assert Settings.load(environ={}, folder=written(tmp_path, "")) == Settings()
    assert set(Settings.names()) >= {"backend", "model", "effort", "wait", "timeout", "ledger", "notebook"}


def test_a_notebooks_name_is_clean_and_stays_what_it_is_on_the_disk() -> None:
    assert Settings(notebook="a/two  spaces\x1b[2J\n\u202e.ipynb").notebook_name == "two  spaces[2J .ipynb"


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    folder = written(tmp_path, "[tool.pplx_jupyter]\nwait = false\n")
    assert Settings.load(environ={"PPLX_JUPYTER_WAIT": ""}, folder=folder).wait is False


def test_the_nearest_file_counts_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, '[tool.pplx_jupyter]\nmodel = "outer"\n')
    (folder / "pyproject.toml").write_text('[tool.pplx_jupyter]\neffort = "high"\n')
    found = Settings.load(environ={}, folder=folder)
    assert (found.model, found.effort) == ("", "high")


@pytest.mark.parametrize(
    ("word", "value"), [("1", True), ("Yes", True), (" on ", True), ("0", False), ("FALSE", False)]
)
def test_yes_and_no(tmp_path: Path, word: str, value: bool) -> None:
    assert Settings.load(environ={"PPLX_JUPYTER_NESTED_WAIT": word}, folder=tmp_path).nested_wait is value


@pytest.mark.parametrize(
    ("name", "value"),
    [("WAIT", "perhaps"), ("TIMEOUT", "soon"), ("TIMEOUT", "nan"), ("TIMEOUT", "-1"), ("IMAGES", "2")],
)
def test_a_wrong_value_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RequestError, match=f"PPLX_JUPYTER_{name}: '{value}' is n"):
        Settings.load(environ={f"PPLX_JUPYTER_{name}": value}, folder=tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[tool.pplx_jupyter]\nmodle = 'x'\n", r"no setting modle; it knows backend"),
        (b"[tool.pplx_jupyter]\nwait = 'perhaps'\n", r"wait in .*pyproject\.toml"),
        (b"[tool.pplx_jupyter\n", r"pyproject\.toml cannot be read"),
        (b"# \xff\n", r"pyproject\.toml cannot be read"),
        (b"[tool]\npplx_jupyter = 3\n", r"not a table"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(RequestError, match=said) as caught:
        Settings.load(environ={}, folder=tmp_path)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize("content", ["tool = 3\n", "[tool.other]\nx = 1\n", ""])
def test_files_without_settings(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    assert Settings.load(environ={}, folder=tmp_path) == Settings()


def test_images_are_a_wish_where_the_api_has_none() -> None:
    """A setting that holds for every question must not refuse those of the agent API."""
    from pplx_jupyter.request import Request
    from pplx_jupyter.submission import with_defaults

    wanted = Settings(images=True)
    assert with_defaults(Request(prompt="Why?"), wanted).return_images is True
    assert with_defaults(Request(prompt="Why?", return_images=False), wanted).return_images is False
    for request in (Request(prompt="Why?", backend="agent"), Request(prompt="Why?", effort="high")):
        assert with_defaults(request, wanted).return_images is None
    assert with_defaults(Request(prompt="Why?"), Settings(images=True, backend="agent")).return_images is None
