"""The line behind ``%%pplx_research``: which flags there are, how it is read, and its help."""

from __future__ import annotations
