"""The form: a question put together by clicking, which is a research cell at every moment."""

from __future__ import annotations
