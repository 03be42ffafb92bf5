"""The ledger in one SQLite file: one module a kind of thing that is done with it."""

from __future__ import annotations

from pathlib import Path

from pplx_jupyter.ledger.sqlite.gates import Gates
from pplx_jupyter.ledger.sqlite.keeping import Keeping
from pplx_jupyter.ledger.sqlite.leases import Leases
from pplx_jupyter.ledger.sqlite.money import Money

__all__ = ["SqliteLedger", "default_path"]


def default_path() -> str:
    """Give the ledger's path in the user's data directory."""
    import platformdirs

    return str(Path(platformdirs.user_data_dir("pplx_jupyter", appauthor=False)) / "ledger.sqlite")


class SqliteLedger(Leases, Gates, Money, Keeping):
    """A `pplx_jupyter.ledger.Ledger` in a file that its owner alone may read.

    Parameters
    ----------
    path
        The file; it and its folder are made where missing.

    Raises
    ------
    LedgerError
        The file cannot be opened, is no ledger, or was written by a newer version.
    """
