"""What of sign-on only whoever runs the host does: take their word for a domain, and open a way in that a provider closed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from appliance.assembly import assemble
from appliance.audit import Actor, ActorKind
from appliance.cli.operate import say
from appliance.identity.sso import connections, domains
from appliance.identity.sso.domains import Approval
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.settings import load

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_ORGANISATION = click.argument("organisation", type=click.UUID)


@click.command("approve-domain")
@_ORGANISATION
@click.argument("domain")
@_JSON
def approve_domain(*, organisation: UUID, domain: str, as_json: bool) -> None:
    """Approve a DOMAIN that ORGANISATION (its id) has named, where no DNS can prove it. It is then nobody else's."""
    with _inside(organisation) as (tx, clock):
        found, approval = domains.approve_domain(tx, Actor(ActorKind.OPERATOR), domain=domain, clock=clock)
    until = found.approved_until.date().isoformat() if found.approved_until else None
    if as_json:
        said = {"domain": found.domain, "verified_by": found.verified_by, "approval": approval.value, "approved_until": until}
        return say(json.dumps(said))
    told = {
        Approval.GIVEN: f"{found.domain} is verified for this organisation by your word, until {until}.",
        Approval.INSTEAD: f"The TXT record of {found.domain} is missing, and would have counted for some days more. Your word counts"
        f" instead, until {until}; once the record is back, the organisation can prove the domain by it again.",
        Approval.NEEDLESS: f"Nothing was changed: {found.domain} is verified for this organisation by its TXT record, which is there.",
    }
    return say(told[approval])


@click.command("allow-passwords")
@_ORGANISATION
@_JSON
def allow_passwords(*, organisation: UUID, as_json: bool) -> None:
    """Let people of ORGANISATION (its id) in by their passwords again, where its provider is down for good."""
    with _inside(organisation) as (tx, _):
        count = connections.relax_at_console(tx, Actor(ActorKind.OPERATOR))
    say(json.dumps({"connections": count}) if as_json else f"Connections that are enforced no more: {count}.")


def add_to(room: click.Group) -> None:
    """Put them beside the commands that the API has for sign-on."""
    room.add_command(approve_domain)
    room.add_command(allow_passwords)


@contextmanager
def _inside(organisation: UUID) -> Iterator[tuple[Tx, Clock]]:
    with assemble(load(), role="worker") as services, services.db.tenant(TenantId(organisation)) as tx:
        yield tx, services.clock
