"""The API's operations at the console: `appliance user list`, `appliance group create --name Board`.

Each operation is a command of its room's group; its ids are arguments, its fields options, its files arguments. So
that console and API never differ, both are made of the same declarations. Whoever runs it holds the host: it acts as
the person named by --as, without a token, and is recorded as the operator's doing.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from appliance.api.framework import OPERATIONS, Call, Operation
from appliance.api.rooms import ROOMS
from appliance.audit import PLATFORM
from appliance.cli.use import acting_as
from appliance.kernel.errors import Invalid
from appliance.kernel.ids import TenantId, parse_id

GROUPS: dict[str, tuple[str, str]] = {
    "audit": ("audit", "The log."),
    "batches": ("batch", "Files that were uploaded together."),
    "chatbots": ("bot", "Chatbots."),
    "collections": ("collection", "Where documents live, and who may read them."),
    "conversations": ("conversation", "One's own conversations."),
    "documents": ("document", "Documents."),
    "groups": ("group", "Groups of people."),
    "jobs": ("job", "What the worker has to do."),
    "keys": ("keys", "The keys that what is stored is sealed under; --in platform for the platform's own."),
    "me": ("me", "Whoever is named by --as."),
    "organisation": ("org", "The organisation: name, settings, budget, usage, models."),
    "overview": ("overview", "The organisation in numbers."),
    "passages": ("passage", "Passages of all documents that --as may read."),
    "people": ("user", "People and invitations."),
    "platform": ("platform", "For the platform's operators: organisations in numbers."),
    "reviews": ("review", "Other people's conversations, as far as the settings allow."),
    "tokens": ("token", "API tokens and service accounts."),
    "uploads": ("upload", "Large files that come in parts."),
}
NAMED = {"get_rotation": "status"}  # what people at a console look for
_PLATFORM = "platform"
_WIDEST = 44
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class NotAnId(Invalid):
    """{given} is not an id. Ids are UUIDs, as `list` prints them."""

    code = "not_an_id"


class OptionsWrong(Invalid):
    """Some options are wrong: {faults}. `--help` says what each takes."""

    code = "options_wrong"


def add_to(root: click.Group) -> None:
    """Add a group for each room, with a command for each of its operations."""
    assert ROOMS  # noqa: S101 - importing the rooms declares their operations
    for tag, (name, words) in GROUPS.items():
        operations = [one for one in OPERATIONS if one.tag == tag]
        if operations:
            room = click.Group(name, help=words)
            for one in operations:
                room.add_command(_command(one, tag))
            root.add_command(room)


def command_name(one: Operation, tag: str) -> str:
    """Return a command's name: `list_groups` of the groups is `list`, `list_sessions` of people `list-sessions`."""
    if one.name in NAMED:
        return NAMED[one.name]
    verb, _, rest = one.name.partition("_")
    own = {
        "organisation" if tag == "platform" else "",
        tag,
        tag.removesuffix("s"),
        tag.removesuffix("es"),
        GROUPS[tag][0],
        "person",
        "organisations",
        "audit_entries",
    }
    if rest in own:
        rest = ""
    return "-".join(part for part in (verb, rest.replace("_", "-")) if part)


def _command(one: Operation, tag: str) -> click.Command:
    parameters: list[click.Parameter] = [click.Argument([name]) for name in one.parameters]
    if one.takes_files:
        kind = click.Path(exists=True, dir_okay=False, path_type=Path)
        parameters.append(click.Argument(["files"], nargs=-1, required=True, type=kind))
    for model in (one.query, one.body):
        parameters += [_option(name, field) for name, field in (model.model_fields if model else {}).items()]
    parameters += [
        click.Option(["--as", "as_email"], help="Who acts: an e-mail address. Default: the only owner."),
        click.Option(["--in", "place"], help="Where, for who belongs to several: an organisation's id, or `platform`."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
    ]
    return click.Command(command_name(one, tag), params=parameters, callback=_run(one), help=one.summary)


def _option(name: str, field: FieldInfo) -> click.Option:
    kind, is_list = _kind(field.annotation)
    values: Any = {int: click.INT, float: click.FLOAT, bool: click.BOOL}.get(kind, click.STRING)
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = click.Choice([str(one.value) for one in kind])
    return click.Option(
        ["--" + name.replace("_", "-"), name], multiple=is_list, required=field.is_required() and not is_list,
        type=values, help=field.description,
    )  # fmt: skip


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return the plain type of a field, and whether it may be given more than once."""
    if get_origin(annotation) in {Union, UnionType}:
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    if get_origin(annotation) is list:
        return _kind(get_args(annotation)[0])[0], True
    if hasattr(annotation, "__metadata__"):
        return _kind(get_args(annotation)[0])
    return annotation, False


def _run(one: Operation) -> Callable[..., None]:
    def run(*, as_email: str | None, place: str | None, as_json: bool, **given: Any) -> None:
        is_platforms = one.tag == "platform" or place == _PLATFORM
        tenant_id = PLATFORM if is_platforms else TenantId(_id(place)) if place else None
        with acting_as(as_email, tenant_id) as (services, caller):
            ids = {name: _id(given[name]) for name in one.parameters}
            files = [(path.name, path.read_bytes()) for path in given.get("files", ())]
            query, body = _filled(one.query, given), _filled(one.body, given)
            found = one.view(Call(services, caller, ids, query, body, files))
            _print(found, as_json=as_json)

    return run


def _id(given: str) -> UUID:
    found = parse_id(given)
    if found is None:
        raise NotAnId(given=given)
    return found


def _filled(model: type[BaseModel] | None, given: Mapping[str, Any]) -> BaseModel | None:
    if model is None:
        return None
    values = {name: given[name] for name in model.model_fields if given.get(name) not in {None, ()}}
    try:
        return model.model_validate({name: list(v) if isinstance(v, tuple) else v for name, v in values.items()})
    except ValidationError as error:
        faults = [f"--{'-'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise OptionsWrong(faults="; ".join(faults)) from error


def _print(found: Any, *, as_json: bool) -> None:
    if found is None:
        click.echo("{}" if as_json else "Done.")
    elif not isinstance(found, BaseModel):
        for event in found:
            click.echo(event, nl=False)
    elif as_json:
        click.echo(found.model_dump_json())
    else:
        members = json.loads(found.model_dump_json())
        rows = members.get("items")
        _print_rows(rows) if isinstance(rows, list) else _print_members(members)
        if members.get("next_cursor"):
            click.echo(f"More: --cursor {members['next_cursor']}")
        if members.get("next_offset"):
            click.echo(f"More: --offset {members['next_offset']}")


def _print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        click.echo("None.")
        return
    columns = [name for name in rows[0] if not isinstance(rows[0][name], dict)]
    table = [[name.replace("_", " ") for name in columns], *([_text(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        click.echo("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())


def _print_members(members: Mapping[str, Any], indent: str = "") -> None:
    for name, value in members.items():
        if isinstance(value, dict):
            click.echo(f"{indent}{name.replace('_', ' ')}:")
            _print_members(value, indent + "  ")
        else:
            click.echo(f"{indent}{name.replace('_', ' ')}: {_text(value, widest=None)}")


def _text(value: Any, *, widest: int | None = _WIDEST) -> str:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    # What people call things must do nothing to the terminal of who lists them.
    text = "–" if value is None else _CONTROLS.sub("", str(value))
    return text[: widest - 1] + "…" if widest and len(text) > widest else text
