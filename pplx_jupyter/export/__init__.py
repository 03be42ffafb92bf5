"""Answers as files of other kinds; knows the answer alone."""

from __future__ import annotations
