"""A policy from a file: `appliance dlp policy draft FILE`."""

import json
from pathlib import Path

import click
from pydantic import ValidationError

from appliance.api.rooms.policies import DraftOut, PolicyIn, PolicyOut, told_draft
from appliance.cli.tables import show
from appliance.cli.use import acting_as
from appliance.cli.verbs import place_of
from appliance.dlp.drafting import begin_draft, find_draft, save_draft

_MOST_BYTES = 2_000_000
_SHOWN = frozenset(PolicyOut.model_fields) | frozenset(DraftOut.model_fields)
"""What `show` and `show-draft` print beside what a policy says: whoever keeps a policy in a file need not cut it out."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "as_email", help="Who acts: an e-mail address. Default: the only owner.")
@click.option("--in", "place", help="Where, for who belongs to several: an organisation's id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def draft(*, file: Path, as_email: str | None, place: str | None, as_json: bool) -> None:
    """Write the draft from FILE: JSON as `show --json` and `show-draft --json` print it. Without a draft, one is begun.

    It is in force nowhere until `put-in-force`. A file that names a draft's revision does not write over a later one.
    """
    said = _policy(file)
    with acting_as(as_email, place_of(place)) as (services, caller), services.db.tenant(caller.tenant_id) as tx:
        revision = said.revision
        if find_draft(tx, caller) is None:
            revision = begin_draft(tx, caller, is_empty=True, clock=services.clock).revision
        made = told_draft(save_draft(tx, caller, said.form, revision=revision, clock=services.clock))
    show(made, as_json=as_json)


def add_to(room: click.Group) -> None:
    """Offer it beside the room's operations."""
    room.add_command(draft)


def _policy(file: Path) -> PolicyIn:
    with file.open("rb") as source:
        content = source.read(_MOST_BYTES)
    try:
        found = json.loads(content)
        if isinstance(found, dict):
            found = {name: value for name, value in found.items() if name in PolicyIn.model_fields or name not in _SHOWN}
        return PolicyIn.model_validate_json(json.dumps(found))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors(include_url=False)]
        raise click.ClickException(f"{file}: {'; '.join(faults)}.") from error
    except ValueError as error:
        raise click.ClickException(f"{file}: it is no JSON.") from error
