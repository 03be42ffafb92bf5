"""The version, in a module of its own: whoever needs it need not import the package's public face."""

from __future__ import annotations

__version__ = "0.1.0"
