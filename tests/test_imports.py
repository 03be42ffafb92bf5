"""Any module may be the first that is imported: what is loaded when depends on what a user does first."""

from __future__ import annotations

import json
import subprocess
import sys

_SCRIPT = """
import importlib, json, pkgutil, sys
import pplx_jupyter
names = [each.name for each in pkgutil.walk_packages(pplx_jupyter.__path__, "pplx_jupyter.")]
failed = {}
# The command line's own module runs when it is imported.
for name in sorted(set(names) - {"pplx_jupyter.cli.__main__"}):
    for loaded in [each for each in sys.modules if each.partition(".")[0] == "pplx_jupyter"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps([len(names), failed]))
"""


def test_every_module_can_be_imported_first() -> None:
    ran = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    modules, failed = json.loads(ran.stdout)
    assert failed == {}
    assert modules > 100
