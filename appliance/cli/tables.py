"""What the rooms' commands print for people: a table of a list, lines of one thing."""

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from pydantic import BaseModel

from appliance.api.framework import FileAnswer

_WIDEST = 44
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def show(found: Any, *, as_json: bool) -> None:
    """Print what an operation answers: a model, an iterator of events, a file's bytes, or nothing."""
    if isinstance(found, FileAnswer):
        with found.path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    elif found is None:
        click.echo("{}" if as_json else "Done.")
    elif not isinstance(found, BaseModel):
        for event in found:
            click.echo(event, nl=False)
    elif as_json:
        click.echo(found.model_dump_json())
    else:
        members = json.loads(found.model_dump_json())
        rows = members.get("items")
        if isinstance(rows, list):
            _print_rows(rows, widest=_WIDEST) if rows else click.echo("None.")
        else:
            _print_members(members)
        if members.get("next_cursor"):
            click.echo(f"More: --cursor {members['next_cursor']}")
        if members.get("next_offset"):
            click.echo(f"More: --offset {members['next_offset']}")


def _print_rows(rows: Sequence[Any], indent: str = "", widest: int | None = None) -> None:
    if not rows:
        return
    if not all(isinstance(row, dict) for row in rows):  # labels are words
        click.echo("\n".join(_text(row) for row in rows))
        return
    inside = [name for name in rows[0] if any(_is_table(row[name]) for row in rows)]
    columns = [name for name in rows[0] if name not in inside and not any(isinstance(row[name], dict) for row in rows)]
    table = [[name.replace("_", " ") for name in columns]]
    table += [[_cell(row[name], widest) for name in columns] for row in rows]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line, row in zip(table, [{}, *rows], strict=True):
        click.echo(indent + "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())
        for name in inside if row else ():
            click.echo(f"{indent}  {name.replace('_', ' ')}:{'' if row[name] else ' –'}")
            _print_rows(row[name], f"{indent}    ", widest)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _print_members(members: Mapping[str, Any], indent: str = "") -> None:
    for name, value in members.items():
        label = f"{indent}{name.replace('_', ' ')}:"
        if isinstance(value, dict):
            click.echo(label)
            _print_members(value, indent + "  ")
        elif _is_table(value):
            click.echo(label)
            _print_rows(value, indent + "  ")
        else:
            click.echo(f"{label} {_text(value)}")


def _cell(value: Any, widest: int | None) -> str:
    text = " ".join(_text(value).split())  # a passage has lines, a row is one
    return text[: widest - 1] + "…" if widest and len(text) > widest else text


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = " ".join(str(one) for one in value)
    # What people call things must do nothing to the terminal of who lists them.
    return "–" if value is None else _CONTROLS.sub("", str(value))
