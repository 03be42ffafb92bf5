"""The public face: what is exported, and what loading it costs in imports."""

from __future__ import annotations

import subprocess
import sys

import pplx_jupyter
from pplx_jupyter import errors

HEAVY = (
    "ipywidgets",
    "httpx",
    "markdown",
    "nh3",
    "jinja2",
    "nest_asyncio2",
    "starlette",
    "pandas",
    "keyring",
    "sqlite3",
)


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_every_public_name_is_there() -> None:
    for name in pplx_jupyter.__all__:
        assert getattr(pplx_jupyter, name) is not None
    assert set(pplx_jupyter.__all__) <= set(dir(pplx_jupyter))


def test_whatever_is_raised_can_be_caught_by_a_public_name() -> None:
    assert set(errors.__all__) <= set(pplx_jupyter.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(pplx_jupyter, "nothere")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, pplx_jupyter; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code) == "[]"


def test_loading_the_extension_loads_nothing_heavy_on_top_of_ipython() -> None:
    code = (
        "import sys\nfrom IPython.testing.globalipapp import start_ipython\nip = start_ipython()\nbefore = set(sys.modules)\n"
        f"ip.run_line_magic('load_ext', 'pplx_jupyter')\nprint([m for m in {HEAVY} if m in sys.modules and m not in before])"
    )
    assert python(code).splitlines()[-1] == "[]"


def test_asking_does_not_load_httpx_in_the_cells_thread() -> None:
    code = (
        "import sys, tempfile\nfrom pplx_jupyter import Request, Session\n"
        "session = Session(api_key='pplx-0123456789abcdef', base_url='http://127.0.0.1:9', ledger=tempfile.mkdtemp() + '/l.sqlite')\n"
        "session.submit(Request('x'))\nprint([m for m in ('httpx', 'markdown', 'nh3', 'ipywidgets') if m in sys.modules])\nsession.quiet_exit = True"
    )
    assert python(code) == "[]"
