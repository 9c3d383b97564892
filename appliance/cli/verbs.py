"""The API's operations at the console: `appliance user list`, `appliance group create --name Board`.

Each operation is a command of its room's group; its ids are arguments, its fields options, its files arguments. So
that console and API never differ, both are made of the same declarations. Whoever runs it holds the host: it acts as
the person named by --as, without a token, and is recorded as the operator's doing.
"""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import click
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from appliance.api.framework import OPERATIONS, Call, Operation
from appliance.api.rooms import ROOMS
from appliance.audit import PLATFORM
from appliance.cli.contents import GROUPS
from appliance.cli.tables import show
from appliance.cli.use import acting_as
from appliance.identity.permissions import require_granted
from appliance.kernel.errors import Invalid
from appliance.kernel.ids import TenantId, parse_id

NAMED = {  # what people at a console look for
    "add_provider_key": "add-key",
    "begin_policy_draft": "begin",
    "change_custom_role": "change",
    "change_provider_key": "change-key",
    "change_session_policy": "change",
    "check_provider_key": "check",
    "compare_policies": "diff",
    "create_allowance": "allow",
    "create_custom_role": "create",
    "create_sink": "add",
    "delete_allowance": "end-allowance",
    "delete_custom_role": "delete",
    "delete_own_list": "remove-list",
    "delete_sink": "remove",
    "drop_sink_letter": "drop-letter",
    "drop_sink_letters": "drop-letters",
    "designate_break_glass": "designate",
    "discard_policy_draft": "discard",
    "end_support": "end",
    "export_access_review": "export",
    "get_access_review": "get",
    "list_access_reviews": "list",
    "start_access_review": "start",
    "start_dry_run": "start",
    "stop_dry_run": "stop",
    "get_custom_role": "get",
    "get_dry_run": "get",
    "get_evidence": "get",
    "get_own_list": "list",
    "get_policy": "show",
    "get_policy_draft": "show-draft",
    "get_provider_key": "get-key",
    "get_evidence_package": "get-package",
    "get_rotation": "status",
    "get_session_policy": "get",
    "list_access_review_lines": "lines",
    "list_all_sign_ins": "sign-ins",
    "list_break_glass_accounts": "list",
    "list_custom_roles": "list",
    "list_dry_run_documents": "documents",
    "list_dry_run_places": "places",
    "list_dry_runs": "list",
    "list_evidence_packages": "list-packages",
    "issue_provisioning_token": "issue-token",
    "revoke_provisioning": "revoke-token",
    "list_key_uses": "uses",
    "list_model_providers": "list",
    "list_own_lists": "lists",
    "list_own_sign_ins": "own-sign-ins",
    "list_sign_ins_of": "sign-ins-of",
    "list_sink_letters": "letters",
    "list_policies": "history",
    "list_policy_templates": "templates",
    "list_support": "list",
    "put_policy_in_force": "put-in-force",
    "replace_provider_key": "replace-key",
    "resend_sink_letter": "resend-letter",
    "resend_sink_letters": "resend-letters",
    "reveal_provider_key": "reveal",
    "revoke_provider_key": "revoke-key",
    "save_policy_draft": "save",
    "send_back_policy_draft": "send-back",
    "set_dictionary": "dictionary",
    "set_exact": "exact",
    "set_pattern": "pattern",
    "try_sink": "test",
    "withdraw_break_glass": "withdraw",
    "change_upload_rules": "change-rules",
    "decide_findings": "decide",
    "get_document_report": "report",
    "get_scan_coverage": "coverage",
    "get_upload_rules": "rules",
    "rescan_documents": "rescan",
}
_PLATFORM = "platform"
_KEPT = "Left out, it stays as it is."
_LIFTED: Any = object()
_MOST_NAMED = 40
"""So many values of an option are named by its help; the kinds of events would fill pages."""
_LONGEST_SECRET = 20_000
_EXPECTED = {
    "date": "takes a day, such as 2026-11-27",
    "datetime": "takes a day or a moment, such as 2026-11-27 or 2026-11-27T09:30:00Z",
    "string_pattern": "is empty, or has characters that cannot be kept",
    "uuid": "takes an id; `list` prints them",
}


class NotAnId(Invalid):
    """{given} is not an id. Ids are UUIDs, as `list` prints them."""

    code = "not_an_id"


class OptionsWrong(Invalid):
    """Some options are wrong: {faults}. `--help` says what each takes."""

    code = "options_wrong"


def room(tag: str) -> click.Group:
    """Return a room's group, with a command for each of its operations."""
    assert ROOMS  # noqa: S101 - importing the rooms declares their operations
    name, words = GROUPS[tag]
    found = click.Group(name.rpartition(" ")[2], help=words)
    for one in OPERATIONS:
        if one.tag == tag:
            found.add_command(_command(one, tag))
    return found


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
        GROUPS[tag][0].rpartition(" ")[2],
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
    kept = _kept(one)
    for model in (one.query, one.body):
        fields = model.model_fields if model else {}
        parameters += [_option(name, field, is_kept=name in kept) for name, field in fields.items()]
    parameters += [
        click.Option(["--as", "as_email"], help="Who acts: an e-mail address. Default: the only owner."),
        click.Option(["--in", "place"], help="Where, for who belongs to several: an organisation's id, or `platform`."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
    ]
    return click.Command(command_name(one, tag), params=parameters, callback=_run(one), help=one.summary)


def _kept(one: Operation) -> dict[str, Operation]:
    """Return the fields that a command which replaces leaves alone unless they are named, and what reads each.

    The API's PUT replaces the whole; who types `group change ID --name Board` does not mean to empty the group.
    """
    fields = set(one.body.model_fields) if one.method == "PUT" and one.body else set()
    if len(fields) < 2:  # noqa: PLR2004 - one alone is what the command is about
        return {}
    readers = [
        read for read in OPERATIONS
        if read.method == "GET" and read.answer and read.path in {one.path, one.path.rpartition("/")[0]}
    ]  # fmt: skip
    return {name: read for read in readers for name in fields & set(read.answer.model_fields if read.answer else ())}


class _OrNone(click.ParamType[Any]):
    """What may be nothing at all: `none` lifts it."""

    def __init__(self, of: click.ParamType[Any]) -> None:
        self._of, self.name = of, f"{of.name}|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _LIFTED if value in {"none", _LIFTED} else self._of.convert(value, param, ctx)


def _option(name: str, field: FieldInfo, *, is_kept: bool) -> click.Option:
    kind, is_list = _kind(field.annotation)
    if kind is SecretStr:
        return _secret(name, field)
    values: Any = {int: click.INT, float: click.FLOAT, bool: click.BOOL}.get(kind, click.STRING)
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = click.Choice([str(one.value) for one in kind])
    is_long = isinstance(values, click.Choice) and len(values.choices) > _MOST_NAMED
    if get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        values = _Object()
    may_be_nothing = not is_list and type(None) in get_args(field.annotation)
    if may_be_nothing and (is_kept or field.is_required()):
        values = _OrNone(values)
    words = " ".join(part for part in (field.description, _KEPT if is_kept else "") if part)
    if is_kept and is_list:
        words += ' Several times for several; "" for none.'
    if is_long:
        words += " A name that is none is answered with all there are."
    return click.Option(
        ["--" + name.replace("_", "-"), name], multiple=is_list, type=values, help=words or None,
        required=field.is_required() and not is_list and not is_kept, metavar=name.upper() if is_long else None,
    )  # fmt: skip


def _secret(name: str, field: FieldInfo) -> click.Option:
    """A secret is never an argument: whoever lists the host's processes, or a shell's history, would read it."""
    words = f"A file that holds it, or - for standard input. {field.description or ''}".strip()
    return click.Option(
        [f"--{name.replace('_', '-')}-file", name],
        type=_Secret(),
        required=field.is_required(),
        help=words,
        metavar="FILE",
    )


class _Secret(click.ParamType[Any]):
    """What a file holds, without the line's end."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, SecretStr):
            return value
        with click.File("r", encoding="utf-8")(value, param, ctx) as file:
            try:
                return SecretStr(file.read(_LONGEST_SECRET).strip())
            except UnicodeDecodeError:
                self.fail("it holds no text", param, ctx)


class _Object(click.ParamType[Any]):
    """An object of JSON, or @FILE with one."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, dict):
            return value
        text = value
        if value.startswith("@"):
            with click.File("r", encoding="utf-8")(value[1:], param, ctx) as file:
                text = file.read(_LONGEST_SECRET * 5)
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else self.fail("it is no object of JSON", param, ctx)


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
        with acting_as(as_email, place_of(_PLATFORM if one.tag == "platform" else place)) as (services, caller):
            ids = {name: _id(given[name]) for name in one.parameters}
            files = [(path.name, path.read_bytes()) for path in given.get("files", ())]
            query, body = _filled(one.query, given), None
            if one.body:
                body = _filled(one.body, _in_force(one, Call(services, caller, ids)) | _said(given))
            show(one.view(Call(services, caller, ids, query, body, files)), as_json=as_json)

    return run


def place_of(given: str | None) -> TenantId | None:
    """Return the organisation that --in says, or None. Raises NotAnId."""
    if given == _PLATFORM:
        return PLATFORM
    return TenantId(_id(given)) if given else None


def _id(given: str) -> UUID:
    found = parse_id(given)
    if found is None:
        raise NotAnId(given=given)
    return found


def _in_force(one: Operation, call: Call) -> dict[str, Any]:
    kept = _kept(one)
    if kept and one.permission is not None:
        require_granted(call.caller, one.permission)  # who may not change it is told so, whether or not it is there
    found = {read.path: read.view(call) for read in kept.values()}
    return {name: getattr(found[read.path], name) for name, read in kept.items()}


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None and value != ()}


def _filled(model: type[BaseModel] | None, given: Mapping[str, Any]) -> BaseModel | None:
    if model is None:
        return None
    said = _said(given)
    values = {name: _plain(said[name]) for name in model.model_fields if name in said}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise OptionsWrong(faults="; ".join(map(_fault, error.errors(include_url=False)))) from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [one for one in value if one != ""]
    return None if value is _LIFTED else value


def _fault(detail: Mapping[str, Any]) -> str:
    name = "-".join(map(str, detail["loc"][:1])).replace("_", "-")
    kind = max((one for one in _EXPECTED if detail["type"].startswith(one)), key=len, default="")
    return f"--{name} {_EXPECTED[kind]}" if kind else f"--{name}: {detail['msg']}"
