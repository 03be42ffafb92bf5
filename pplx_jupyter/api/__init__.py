"""The wire: one httpx client, one module a backend, and the choice between them."""

from __future__ import annotations
