"""The tables of the SQLite ledger, as a list of steps from each version to the next."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["MIGRATIONS", "VERSION"]


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


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [m001_jobs]
VERSION = len(MIGRATIONS)
