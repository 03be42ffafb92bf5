"""What jobs of a time have cost, by day, month, notebook, model, and by how long they took."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import statistics
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import REUSABLE, Wanted
from pplx_jupyter.ledger.times import took
from pplx_jupyter.notebook.simulated import is_simulated
from pplx_jupyter.render.words import SHORT_MONTHS, count, money, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplx_jupyter.ledger import Spent
    from pplx_jupyter.notebook.spending.period import Period
    from pplx_jupyter.session import Session

__all__ = ["BLUE", "CHARTS", "Bar", "Chart", "Costs", "Point", "costs_of"]

BLUE = "#4a7fb5"
"""The colour of a bar, on the page and in the picture."""

MOST_BARS = 12
MOST_DAYS = 31
_MOST_POINTS = 1_000
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DURATIONS = (
    (0, "under 2 min"),
    (120, "2–5 min"),
    (300, "5–10 min"),
    (600, "10–20 min"),
    (1_200, "20 min and more"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One line of a chart; amounts in US dollars.

    Attributes
    ----------
    note
        How many jobs, and what is not in the bar.
    """

    name: str
    note: str
    reported: float
    estimated: float = 0.0

    @property
    def amount(self) -> str:
        """The amounts in words, without their unit."""
        reported = money(self.reported).removesuffix(" USD")
        return f"{reported} + ≈ {money(self.estimated).removesuffix(' USD')}" if self.estimated else reported


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a title.

    Attributes
    ----------
    column
        What the bars are, for the head of a table.
    """

    title: str
    column: str
    bars: tuple[Bar, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One job that was answered: how long it was at the service, in seconds, and what it cost, in US dollars."""

    seconds: float
    cost: float
    estimated: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    """The costs of one period.

    Attributes
    ----------
    period
        The time that they are of.
    total
        The whole of it; None where nothing was spent.
    charts
        By name: ``day``, ``month``, ``notebook``, ``model``, ``duration``.
    points
        Cost against duration, of the newest jobs.
    simulated
        The simulator answered: nothing was billed.
    """

    period: Period
    total: Spent | None
    charts: dict[str, Chart]
    points: tuple[Point, ...]
    simulated: bool = False


CHARTS = ("day", "month", "notebook", "model", "duration")
"""What costs are shown by."""


def costs_of(session: Session, period: Period) -> Costs:
    """Read the costs of a period from the ledger."""
    spent = session.ledger.spent(session.base_url, period.since, period.until)
    points = _points(session, period)
    days = _days(spent, period)
    charts = {
        "day": Chart("By day, USD", "Day", days),
        "month": Chart("By month, USD", "Month", _months(spent)),
        "notebook": Chart(
            "By notebook, USD",
            "Notebook",
            _largest(_grouped(spent, lambda each: each.notebook), "(no notebook)"),
        ),
        "model": Chart(
            "By model and effort, USD", "Model", _largest(_grouped(spent, _model_of), "(no model)")
        ),
        "duration": Chart("By time taken, USD in the middle", "Time taken", _durations(points)),
    }
    simulated = is_simulated(session.ledger, session.base_url)
    if simulated:
        # In each title: a picture is copied without what stands above it.
        charts = {
            name: dataclasses.replace(chart, title=f"{chart.title} (simulated)")
            for name, chart in charts.items()
        }
    return Costs(period, _sum(spent) if spent else None, charts, points, simulated)


def _points(session: Session, period: Period) -> tuple[Point, ...]:
    wanted = Wanted(states=REUSABLE, since=period.since, until=period.until, cost_from=0.0)
    return tuple(
        Point(seconds, row.cost, row.cost_estimated)
        for row in session.ledger.found(wanted, limit=_MOST_POINTS).rows
        if row.cost is not None and (seconds := took(row)) is not None and row.base_url == session.base_url
    )


def _sum(spent: Sequence[Spent]) -> Spent:
    first = spent[0]
    names = ("jobs", "reported", "estimated", "running", "unknown")
    return dataclasses.replace(first, **{name: sum(getattr(each, name) for each in spent) for name in names})


def _grouped(spent: Sequence[Spent], key: Callable[[Spent], str]) -> dict[str, Spent]:
    groups: dict[str, list[Spent]] = {}
    for each in spent:
        groups.setdefault(key(each), []).append(each)
    return {name: _sum(group) for name, group in groups.items()}


def _model_of(spent: Spent) -> str:
    return f"{spent.model}, {spent.effort}" if spent.model and spent.effort else spent.model


def _bar(name: str, spent: Spent) -> Bar:
    notes = [count(spent.jobs, "job")]
    if spent.running:
        notes.append(f"{spent.running} under way")
    if spent.unknown:
        notes.append(f"{spent.unknown} of unknown cost")
    return Bar(one_line(name, 48), ", ".join(notes), spent.reported, spent.estimated)


def _largest(groups: dict[str, Spent], nameless: str) -> tuple[Bar, ...]:
    order = sorted(groups, key=lambda name: (-groups[name].reported - groups[name].estimated, name))
    bars = [_bar(name or nameless, groups[name]) for name in order[:MOST_BARS]]
    rest = [groups[name] for name in order[MOST_BARS:]]
    if rest:
        bars.append(_bar(f"{len(rest)} others", _sum(rest)))
    return tuple(bars)


def _days(spent: Sequence[Spent], period: Period) -> tuple[Bar, ...]:
    """Give a bar for each day, and one for several in a row on which nothing was asked; of a long time the last ones."""
    known = _grouped(spent, lambda each: each.day)
    if not known:
        return ()
    today = datetime.datetime.now().astimezone().date()
    last = min(period.last, max(today, datetime.date.fromisoformat(max(known))))
    first = max(datetime.date.fromisoformat(min(known)), last - datetime.timedelta(days=MOST_DAYS - 1))
    days = [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]
    bars: list[Bar] = []
    for asked, group in itertools.groupby(days, lambda each: each.isoformat() in known):
        run = list(group)
        if asked:
            bars += [_bar(_day_name(each), known[each.isoformat()]) for each in run]
        else:
            bars += _empty(run)
    return tuple(bars)


def _empty(days: Sequence[datetime.date]) -> list[Bar]:
    if len(days) < 3:
        return [Bar(_day_name(each), "none", 0.0) for each in days]
    return [Bar(f"{_day_name(days[0])} to {_day_name(days[-1])}", "none", 0.0)]


def _day_name(each: datetime.date) -> str:
    return f"{_WEEKDAYS[each.weekday()]} {each.day} {SHORT_MONTHS[each.month - 1]}"


def _months(spent: Sequence[Spent]) -> tuple[Bar, ...]:
    known = _grouped(spent, lambda each: each.day[:7])
    return tuple(
        _bar(f"{SHORT_MONTHS[int(month[5:7]) - 1]} {month[:4]}", known[month])
        for month in sorted(known)[-24:]
        if month
    )


def _durations(points: Sequence[Point]) -> tuple[Bar, ...]:
    bars = []
    ends = [*(start for start, _ in _DURATIONS[1:]), float("inf")]
    for (start, name), end in zip(_DURATIONS, ends, strict=True):
        inside = [point.cost for point in points if start <= point.seconds < end]
        if inside:
            low, high = (money(amount).removesuffix(" USD") for amount in (min(inside), max(inside)))
            bars.append(Bar(name, f"{count(len(inside), 'job')}, {low}–{high}", statistics.median(inside)))
    return tuple(bars)
