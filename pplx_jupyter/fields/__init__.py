"""What the fields of a Request are called, take and mean, and the checks that each gets."""

from __future__ import annotations
