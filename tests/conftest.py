"""What all tests share: Hypothesis without a clock, and tables that some tests leave for the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

# A busy machine is no defect: how long things take is measured in benchmarks.
settings.register_profile("pplx_jupyter", deadline=None)
settings.load_profile("pplx_jupyter")

TABLE = "table"
"""Name of the property by which a test adds a row to a table: the table's title and columns, then the row."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables; the rows come as properties of reports, which reach this process from others, too."""
    tables: dict[tuple[str, ...], list[list[str]]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == TABLE and getattr(report, "when", "") == "call":
                    heads, row = value
                    tables.setdefault(tuple(heads), []).append([str(cell) for cell in row])
    for (title, *columns), rows in tables.items():
        terminalreporter.section(title)
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in [columns, *sorted(rows)]:
            terminalreporter.line(
                "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            )
