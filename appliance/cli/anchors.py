"""What of the audit log only whoever runs the host does: `appliance audit epoch`, the witness's file to carry elsewhere, strangers."""

import json
from pathlib import Path

import click

from appliance import audit
from appliance.assembly import assemble
from appliance.audit import PLATFORM, Actor, ActorKind, replaying
from appliance.cli.operate import say
from appliance.cli.verbs import NotAnId
from appliance.kernel.ids import TenantId, parse_id
from appliance.proof.single import witness as witness_source
from appliance.settings import load

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.option("--reason", required=True, help="Why, in one line: it stands in every log for ever.")
@_JSON
def epoch(*, reason: str, as_json: bool) -> None:
    """Let the logs go on in a new epoch, after a restore that lost what a witness had seen. Tell the auditors of it.

    Nothing is removed: each log's first entry in the epoch cites the last checkpoint of before, and this reason.
    """
    with assemble(load(), role="worker") as services, services.db.tenant(PLATFORM) as tx:
        number = audit.open_epoch(tx, Actor(ActorKind.OPERATOR), reason=reason, clock=services.clock)
    if as_json:
        say(json.dumps({"epoch": number}))
        return
    say(f"Epoch {number} begins in every log within seconds, where the worker runs. Tell the auditors: --epoch {number} of the verifier.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_JSON
def witness(*, file: Path, as_json: bool) -> None:
    """Write the witness to FILE: one program, to be run on a host that whoever runs this one does not run."""
    file.write_text(witness_source(), encoding="utf-8")
    file.chmod(0o755)
    say(json.dumps({"file": str(file)}) if as_json else f"{file}: carry it to another host; `python3 {file.name} --help` says how to go on.")


@click.command()
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--in", "place", required=True, help="Whose log: an organisation's id, or `platform`.")
@click.option("--cite", "is_citing", is_flag=True, help="Cite in the new epoch what was lost.")
@_JSON
def replay(*, package: Path, place: str, is_citing: bool, as_json: bool) -> None:
    """List what PACKAGE has of a former epoch and the restored log lacks; with --cite, record that each was there.

    A package that is sealed to somebody is opened first. Only one is taken that verifies by a key of this log.
    """
    tenant_id = PLATFORM if place == "platform" else parse_id(place)
    if tenant_id is None:
        raise NotAnId(given=place[:40])
    with assemble(load(), role="worker") as services:
        found, lost = replaying.look(services.db, TenantId(tenant_id), package)
        cited = replaying.cite(services.db, TenantId(tenant_id), Actor(ActorKind.OPERATOR), package) if is_citing else 0
    if as_json:
        listed = [{"at": one.at, "cited": one.is_cited, "event": one.event, "id": str(one.event_id), "position": one.position} for one in lost]
        say(json.dumps({"cited": cited, "kept": found.kept, "lost": listed, "origin": found.origin, "size": found.size, "withheld": found.withheld}))
        return
    for one in lost:
        say(f"{one.position}  {one.at}  {one.event}  {one.event_id}{'  cited before' if one.is_cited else ''}")
    say(f"{found.origin}: {found.size} entries in the package's checkpoint, {found.kept} left here; {len(lost)} lost ones are shown, {found.withheld} are withheld.")
    if is_citing:
        say(f"Cited: {cited}. Keep the package: it holds their bytes.")
@click.command("erase-strangers")
@_JSON
def erase_strangers(*, as_json: bool) -> None:
    """Erase for ever from which addresses sign-ins failed so far whose person nobody knows. The platform's log keeps the entries."""
    with assemble(load(), role="worker") as services, services.db.tenant(PLATFORM) as tx:
        count = audit.erase_disclosures(tx, Actor(ActorKind.OPERATOR), audit.STRANGERS, clock=services.clock)
    say(json.dumps({"keys": count}) if as_json else f"{count} keys destroyed: what they opened is erased. The entries stay, and so do their proofs.")


def add_to(room: click.Group) -> None:
    """Put them beside the commands that the API has for the log."""
    room.add_command(epoch)
    room.add_command(witness)
    room.add_command(replay)
    room.add_command(erase_strangers)
