"""JSON and JSON lines: the way to each value, and the value. Nothing is left out, not even a name that comes twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from .blocks import Output, Page, Unreadable

_DEPTH = 200
_LONG = 300


@dataclass(frozen=True)
class Members:
    """An object's names and values in their order: a dict would keep the last of two that share a name."""

    pairs: list[tuple[str, "Value"]]


Value = Members | list["Value"] | str | bool | None
_NESTED = (Members, list)


def read_text(text: str) -> Output | None:
    """Return the values as rows, or None if this is not JSON. Raises Unreadable where it is nested too deeply."""
    try:
        values = list(_values(text))
    except ValueError:
        return None
    except RecursionError as error:
        raise Unreadable("too_deep") from error
    if not any(isinstance(value, _NESTED) for value in values):
        return None
    output, page = Output(format="json"), Page(None)
    output.pages.append(page)
    for value in values:
        _add(output, page, "", value, depth=0)
    return output


def _values(text: str) -> Iterator[Value]:
    try:
        yield _loaded(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one broken line is a text
            raise
        for line in lines:
            yield _loaded(line)


def _loaded(text: str) -> Value:
    # Numbers stay as they are written: a card number must not turn into 4.5391488034364672e15.
    value: Value = json.loads(text, object_pairs_hook=Members, parse_float=str, parse_int=str, parse_constant=str)
    return value


def _add(output: Output, page: Page, path: str, value: Value, *, depth: int) -> None:
    if depth > _DEPTH:
        raise Unreadable("too_deep")
    if isinstance(value, Members):
        _add_object(output, page, path, value, depth=depth)
    elif isinstance(value, list):
        if value and not any(isinstance(item, _NESTED) for item in value):
            _say(output, page, path, ", ".join(_scalar(item) for item in value))
            return
        for number, item in enumerate(value, start=1):
            _add(output, page, f"{path}[{number}]" if path else f"[{number}]", item, depth=depth + 1)
    else:
        _say(output, page, path, _scalar(value))


def _add_object(output: Output, page: Page, path: str, members: Members, *, depth: int) -> None:
    row: list[str] = []

    def flush() -> None:
        if row:
            _say(output, page, path, " | ".join(row))
            row.clear()

    for name, value in members.pairs:
        if isinstance(value, _NESTED) and not (value.pairs if isinstance(value, Members) else value):
            row.append(name)  # of what is empty, the name is all there is
        elif isinstance(value, _NESTED):
            flush()
            _add(output, page, f"{path}.{name}" if path else name, value, depth=depth + 1)
        elif isinstance(value, str) and (len(value) > _LONG or "\n" in value):
            flush()
            _say(output, page, f"{path}.{name}" if path else name, value)
        else:
            row.append(f"{name}: {_scalar(value)}")
    flush()


def _say(output: Output, page: Page, path: str, text: str) -> None:
    output.add(page, "table_row", f"{path}: {text}" if path else text)


def _scalar(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
