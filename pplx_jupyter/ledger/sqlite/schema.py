"""The tables of the SQLite ledger, as a list of steps from each version to the next."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["MENDED", "MIGRATIONS", "VERSION"]


def m001_jobs(db: sqlite3.Connection) -> None:
    """Rows, bodies, owners of leases, the counter of changes, what is known of accounts."""
    db.execute(
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL,
            fingerprint TEXT NOT NULL, request TEXT NOT NULL, base_url TEXT NOT NULL, account TEXT NOT NULL,
            backend TEXT NOT NULL, pinned INTEGER NOT NULL, model TEXT NOT NULL, effort TEXT NOT NULL,
            question TEXT NOT NULL, name TEXT NOT NULL, notebook TEXT NOT NULL, cell TEXT NOT NULL, filled TEXT NOT NULL,
            idempotency_key TEXT NOT NULL,
            created_at REAL NOT NULL, sending_at REAL, accepted_at REAL, settled_at REAL, due_at REAL NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
            remote_id TEXT NOT NULL DEFAULT '', remote_status TEXT NOT NULL DEFAULT '', request_id TEXT NOT NULL DEFAULT '',
            moved INTEGER NOT NULL DEFAULT 0, cancel TEXT NOT NULL DEFAULT '', trouble TEXT, failure TEXT,
            progress TEXT NOT NULL DEFAULT '{}', cost REAL, cost_estimated INTEGER NOT NULL DEFAULT 0
        )
        """
    )
    db.execute("CREATE INDEX jobs_seq ON jobs (seq)")
    db.execute("CREATE INDEX jobs_question ON jobs (fingerprint, base_url, created_at)")
    db.execute("CREATE INDEX jobs_created ON jobs (created_at)")
    db.execute("CREATE INDEX jobs_due ON jobs (due_at) WHERE state IN ('submitting', 'queued', 'running')")
    db.execute(
        "CREATE TABLE bodies (job_id TEXT PRIMARY KEY REFERENCES jobs (id), body TEXT NOT NULL, received_at REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE owners (id TEXT PRIMARY KEY, host TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL,"
        " started TEXT NOT NULL, until REAL NOT NULL)"
    )
    db.execute("CREATE TABLE retired (account TEXT PRIMARY KEY, until REAL NOT NULL)")
    db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    db.execute("INSERT INTO meta VALUES ('seq', '0'), ('salt', ?)", (secrets.token_hex(16),))


def m002_money(db: sqlite3.Connection) -> None:
    """Add money (running totals, budgets, expected costs), permanent forms, and when a row was shown or forgotten."""
    for column in (
        "day TEXT NOT NULL DEFAULT ''",
        "run TEXT NOT NULL DEFAULT ''",
        "asked_model TEXT NOT NULL DEFAULT ''",
        "expected TEXT NOT NULL DEFAULT '{}'",
        "lost INTEGER NOT NULL DEFAULT 0",
        "shown_at REAL",
        "forgotten_at REAL",
    ):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
    # `model` is what the service says it used; a question that named none was one for deep research.
    db.execute(
        "UPDATE jobs SET asked_model = coalesce("
        " CASE WHEN json_valid(request) THEN json_extract(request, '$.model') END, 'sonar-deep-research')"
    )
    db.execute(
        "UPDATE jobs SET day = coalesce(strftime('%Y-%m-%d', created_at, 'unixepoch', 'localtime'), '')"
    )
    # What was shown by an earlier version counts as shown.
    db.execute("UPDATE jobs SET shown_at = settled_at")
    db.execute(
        "CREATE INDEX jobs_open ON jobs (created_at) WHERE state IN ('submitting', 'queued', 'running')"
    )
    db.execute("CREATE INDEX jobs_notebook ON jobs (notebook, created_at)")
    db.execute("CREATE INDEX jobs_cell ON jobs (cell, created_at)")
    db.execute("CREATE INDEX jobs_name ON jobs (name, created_at)")
    db.execute("CREATE INDEX jobs_remote ON jobs (remote_id)")
    db.execute("CREATE INDEX jobs_unshown ON jobs (notebook, created_at) WHERE shown_at IS NULL")
    db.execute(
        "CREATE INDEX jobs_past ON jobs (base_url, backend, asked_model, effort, settled_at, cost, created_at)"
        " WHERE state IN ('completed', 'incomplete') AND cost IS NOT NULL AND cost_estimated = 0"
    )
    db.execute(
        "CREATE TABLE totals (scope TEXT NOT NULL, key TEXT NOT NULL, base_url TEXT NOT NULL,"
        " jobs INTEGER NOT NULL, reported INTEGER NOT NULL, estimated INTEGER NOT NULL,"
        " running INTEGER NOT NULL, running_low INTEGER NOT NULL, running_high INTEGER NOT NULL,"
        " unknown INTEGER NOT NULL, unknown_high INTEGER NOT NULL,"
        " PRIMARY KEY (scope, base_url, key)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE budgets (scope TEXT NOT NULL, key TEXT NOT NULL, amount REAL NOT NULL, PRIMARY KEY (scope, key))"
    )
    db.execute(
        "CREATE TABLE forms (job_id TEXT PRIMARY KEY REFERENCES jobs (id), version TEXT NOT NULL, forms BLOB NOT NULL)"
    )
    count_all(db)


def m003_pictures(db: sqlite3.Connection) -> None:
    """Keep an answer's own images, where they were asked for, and until when they are being fetched."""
    db.execute(
        "CREATE TABLE pictures (job_id TEXT NOT NULL REFERENCES jobs (id), n INTEGER NOT NULL, url TEXT NOT NULL,"
        " data BLOB NOT NULL, PRIMARY KEY (job_id, n))"
    )
    db.execute("ALTER TABLE jobs ADD COLUMN pictures_until REAL")


def m004_batches(db: sqlite3.Connection) -> None:
    """Note which batch a row was asked with; find a batch's rows, and what was sent in the last minute."""
    db.execute("ALTER TABLE jobs ADD COLUMN batch TEXT NOT NULL DEFAULT ''")
    db.execute("CREATE INDEX jobs_batch ON jobs (batch, created_at) WHERE batch != ''")
    db.execute("CREATE INDEX jobs_sent ON jobs (sending_at) WHERE sending_at IS NOT NULL")


def m005_search(db: sqlite3.Connection) -> None:
    """Find jobs by their words; those that are there wait to be read in, a few at a time, when a search is made."""
    from pplx_jupyter.ledger.sqlite.search import create

    create(db)


def count_all(db: sqlite3.Connection) -> None:
    """Make the running totals anew from the rows."""
    from pplx_jupyter.ledger.sqlite.columns import row_of
    from pplx_jupyter.ledger.sqlite.totals import add_all

    db.execute("DELETE FROM totals")
    cursor = db.execute("SELECT * FROM jobs")
    names = [column[0] for column in cursor.description]
    add_all(db, (row_of(dict(zip(names, found, strict=True))) for found in cursor))


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    m001_jobs,
    m002_money,
    m003_pictures,
    m004_batches,
    m005_search,
]
VERSION = len(MIGRATIONS)

MENDED = "mended"
"""Name, among what a ledger knows of itself, of the line that is to be told before anything is bought."""
