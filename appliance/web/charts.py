"""Bars by day as SVG that we draw ourselves: no script, no library, and a table beside it for who cannot see bars."""

from dataclasses import dataclass

from markupsafe import Markup, escape

from appliance.kernel.days import Days
from appliance.web.language import calendar, count, gettext, money

_WIDTH, _HEIGHT, _GAP = 360, 96, 2


@dataclass(frozen=True)
class Chart:
    """What a chart shows. `different` is of all its days, where it is not their sum: who asks on two days is one person.

    With a `currency`, its numbers are millionths of that.
    """

    title: str
    days: Days
    different: int | None = None
    currency: str | None = None

    def said(self, number: int) -> str:
        """Return a number of it as people read it."""
        return count(number) if self.currency is None else money(number, self.currency)

    @property
    def total(self) -> int:
        return sum(number for _, number in self.days) if self.different is None else self.different

    @property
    def most(self) -> int:
        return max((number for _, number in self.days), default=0)

    @property
    def label(self) -> str:
        """What a screen reader says of it."""
        most = max(self.days, key=lambda one: one[1])
        if not most[1]:
            return gettext("{title}: none in these days.").format(title=self.title)
        words = gettext("{title}: {total} in all, most on {day} with {most}.")
        return words.format(title=self.title, total=self.said(self.total), day=calendar(most[0]), most=self.said(most[1]))

    @property
    def drawing(self) -> Markup:
        """The SVG."""
        most = self.most or 1
        step = _WIDTH / len(self.days)
        bars = "".join(
            f'<rect x="{at * step:.1f}" y="{_HEIGHT - _tall(number, most):.1f}" width="{step - _GAP:.1f}" '
            f'height="{_tall(number, most):.1f}" rx="1.5"><title>{escape(calendar(day))}: {escape(self.said(number))}</title></rect>'
            for at, (day, number) in enumerate(self.days)
        )
        head = f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT + 1}" role="img" aria-label="{escape(self.label)}">'
        base = f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT + 0.5}" y2="{_HEIGHT + 0.5}"/>'
        return Markup(f"{head}{bars}{base}</svg>")  # noqa: S704 - numbers, dates, and an escaped label


def _tall(number: int, most: int) -> float:
    return max(1.5, number / most * (_HEIGHT - 4)) if number else 0.0
