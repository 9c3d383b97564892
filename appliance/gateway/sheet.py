"""Usage as CSV (RFC 4180): ids, numbers, and names of models that nobody's spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from appliance.gateway.usage import Cost, Row

_HEAD: Final = (
    "day", "model", "user_id", "token_id", "chatbot_id", "calls", "failed_calls", "prompt_tokens", "answer_tokens",
    "priced_calls", "currency", "cost_micros",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a sheet, the heading first."""
    yield _line(_HEAD)
    for row in rows:
        used = row.used
        cost = used.costs[0] if used.costs else Cost("", 0)
        yield _line(
            (
                row.day.isoformat(), row.model, row.user_id or "", row.token_id or "", row.chatbot_id or "", used.calls,
                used.failed_calls, used.prompt_tokens, used.answer_tokens, used.priced_calls, cost.currency,
                cost.micros if used.costs else "",
            )
        )  # fmt: skip


def _line(cells: Iterable[object]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([_harmless(str(one)) for one in cells])
    return file.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
