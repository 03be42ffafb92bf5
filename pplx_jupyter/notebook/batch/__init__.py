"""A batch in a notebook: its plan, one panel for all its rows, and the page that stays."""

from __future__ import annotations
