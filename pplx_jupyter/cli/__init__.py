"""``pplx-jupyter``: the demo, the simulator, the ledger's jobs and the doctor from a shell.

Exit codes: 0 fine, 1 a cell or job failed, 2 usage, 3 a budget refused, 4 unconfirmed or timed out,
130 interrupted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pplx_jupyter.errors import BudgetExceeded, JobUnconfirmed, PplxError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_LATER = (JobUnconfirmed, WaitTimeout)
"""Errors after which the answer may still come."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    from pplx_jupyter.cli.options import parser

    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except PplxError as error:
        print(f"pplx-jupyter: {error}", file=sys.stderr)
        return 3 if isinstance(error, BudgetExceeded) else 4 if isinstance(error, _LATER) else 1
    except KeyboardInterrupt:
        return 130
