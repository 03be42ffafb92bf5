"""The sentences that simulated answers are put together from.

``{s}`` stands for the question's subject and ``{m}`` for the place of citation markers. They
claim nothing about the world: a reader who misses the banner must not learn anything false.
"""

from __future__ import annotations

import re

__all__ = [
    "CODE",
    "HOSTILE",
    "LIST",
    "MATH",
    "OPENING",
    "PRICES",
    "SECTIONS",
    "SIMULATED",
    "TABLE",
    "THINKING",
]

SIMULATED = (
    "This answer is simulated: it was written by the simulator of pplx_jupyter, not by Perplexity, "
    "and its sources are invented."
)

OPENING = (
    "The question was “{s}”. **A real answer would open with its finding in two or three sentences**, "
    "as this paragraph does, and would say at once how sure it is.{m} What follows has the length, the sections "
    "and the citations of a research report, so that everything around it can be tried without a key."
)

_SECTIONS = """
## What the sources have in common

Most of the invented sources treat “{s}” as a question of measurement first and of judgement second.{m} They
agree on the order of magnitude, on the years that matter, and on which offices publish the figures. Where
one of them departs from the others, it says so itself and names the reason.{m}

Two of them share an author, which a careful reader would count as one voice.{m} A third quotes the first at
length and adds only a later date. Agreement among sources is worth less when they lean on each other, and a
real report would have to say how many of them are independent.

## Where they differ

The sources part ways over what should be counted.{m} The narrow reading of “{s}” leaves out everything that
is not reported every year; the wide reading takes it in and accepts gaps. Neither is wrong, but figures
from one must not be compared with figures from the other.{m}

They also differ over time. The older pages describe a state that the newer ones call settled, and one page
carries no date at all.{m} When dates are missing, the safest course is to treat a page as older than it
looks, and to lean on it only for what does not change from year to year.

## How the picture changed

Early accounts of “{s}” were short and mostly descriptive.{m} Later ones bring figures, then methods for
checking the figures, then arguments about the methods. That is the usual path of a subject that has become
important to more people than those who began it.{m}

The last step, described by the most recent of the invented pages, is the quiet one: definitions are fixed,
the same tables appear each year, and the discussion moves on to what the tables leave out.{m}

## Who is affected

Three groups appear again and again in the invented material: those who decide, those who pay, and those who
have to carry the decision out.{m} For “{s}” the first group is well documented, the second partly, and the
third hardly at all. A reader who needs the third should plan to ask people rather than pages.

It is worth noting which group wrote each source.{m} Material from those who decide tends to be complete and
smooth; material from those who carry out tends to be partial and precise. Both are needed.{m}

## Methods and their limits

The figures behind “{s}” come from registers, from surveys, and from models that fill what the first two
leave open.{m} Registers are complete but slow. Surveys are quick but lean towards those who answer. Models
are neat, and that is their danger, since a smooth line hides how little stands behind it.{m}

None of the invented sources gives an interval for its main figure.{m} That is common in practice, and a
real report should say so plainly instead of repeating a number to three digits.

## A closer look at one case

One of the invented pages follows a single case of “{s}” over several years.{m} The value of such a page
lies less in its figures than in the order of events: what was known when, who acted on it, and what was
changed afterwards. Nothing in it can be carried over to other cases without asking what differs.

The case also shows how a correction travels.{m} The first account was amended within a month; two of the
pages that quote it were never amended, and still carry the older figure.{m}

## What would change this answer

Three kinds of news would change what is said here about “{s}”: a new edition of the main register, a
correction to the survey that most pages quote, or a decision that makes the older years hard to compare.{m}
The first is due on a fixed day; the other two are not.

Until then the careful summary is the one given at the top.{m} It will age slowly, because it rests on what
the sources share and not on the newest of them.

## Regional differences

Figures for “{s}” are rarely the same from region to region, and the invented sources are no exception.{m}
The spread between the highest and the lowest is wider than the change over ten years, so a question about
place needs a table and a question about time needs a line.{m}

Part of the spread is real and part comes from different counting.{m} The pages that adjust for it find
about half of the difference left, and they say which half they trust.

## Cost and effort

Whatever is done about “{s}” has a price, and the sources give it in different ways.{m} Some count what is
spent in a year, some what is spent once, and some only what is spent beyond the usual. Before any of these
are added up, they have to be brought to the same year and the same reading.{m}

Effort is harder to find than money.{m} Only one page tells how many people worked on it and for how long,
and that page is the one most often quoted by the others.

## Points to check before using this

Open the sources that carry the main figure and see whether it is there.{m} In a real answer about “{s}”
that would be two or three pages, and the check takes minutes. A marker behind a sentence says where the
sentence comes from; it does not say that the page supports it.

Then look at the dates.{m} A report that mixes pages from different years can be right in each sentence and
wrong as a whole.{m} Last, ask what is missing: the best sources on a subject are not always open.
"""
# One string a section; a paragraph is one line, as the service sends it.
SECTIONS: tuple[str, ...] = tuple(
    "## " + re.sub(r"(?<!\n)\n(?!\n)", " ", section).strip() for section in _SECTIONS.split("\n## ")[1:]
)

TABLE = """## Figures side by side

The table sets four invented readings of “{s}” next to each other.

| Reading | First year | Last year | Change | Source |
|:---|---:|---:|---:|:---|
| Narrow, registers only | 41.2 | 47.9 | +16 % | {m} |
| Narrow, with surveys | 43.0 | 48.4 | +13 % | {m} |
| Wide, registers only | 58.7 | 60.1 | +2 % | {m} |
| Wide, modelled gaps | 61.5 | 66.0 | +7 % | none |"""

CODE = """## Working it out again

The change in the narrow reading can be worked out anew in a few lines; the list is the invented series.{m}

```python
series = {"first": 41.2, "last": 47.9}
change = series["last"] / series["first"] - 1
print(f"{change:+.0%} for [1] item, costs ${series['last']:.2f}")
```

Inside the code nothing is a citation and nothing is a formula, though `[1]` and `$` both appear."""

MATH = """## The relation used

Let \\( x_t \\) be the reading in year \\( t \\). The yearly rate is \\( r = (x_T / x_0)^{1/T} - 1 \\).{m} Written out,

$$ r = \\left( \\frac{x_T}{x_0} \\right)^{1/T} - 1 $$

and with the invented series over \\( T = 10 \\) years this gives

\\[ r = \\left( \\frac{47.9}{41.2} \\right)^{1/10} - 1 \\approx 0.0152 . \\]"""

PRICES = (
    "## Prices\n\n"
    "Offers found for “{s}” run from $20 to $30 a unit, with most at $24.50.{m} Larger orders start at $1,200, and "
    "a yearly contract between $9 and $12 a month.{m} The amounts in dollars are invented like everything else here."
)

LIST = """## In short

For “{s}” the invented material supports these points:
- the main figure rose, at a rate that slowed towards the end;{m}
- the two readings must not be mixed:
    - the narrow one is complete but late,
    - the wide one is early but modelled;{m}
- the newest page has no date;
- **nothing here is true**, and that is the point of a simulation.

1. Start with the register.{m}
2. Check the survey against it.
3. Only then look at the model.{m}"""

HOSTILE = """## Hostile content

<script>document.title = "taken over"</script><img src="x" onerror="document.title='taken over'">

[a link that is none](javascript:alert(1)) and ![a picture](https://tracker.example/pixel.gif) about “{s}”.{m}

<iframe src="https://frame.example/"></iframe> <a href="javascript:alert(1)" onclick="alert(1)">here</a>
"""

THINKING = (
    "The user asks about “{s}”. I should find out what is counted, who counts it, and since when.",
    "The first results agree with each other, perhaps because they quote each other. I need an independent one.",
    "The dates do not match; the page without a date may be the oldest. I will lean on the register instead.",
    "I have enough to write: summary first, then figures, then what is not known. (This reasoning is simulated.)",
)
