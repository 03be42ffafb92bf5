"""The one background thread of a process: it takes rows from the ledger and talks to the service."""

from __future__ import annotations
