"""The first owner: a single-use link from the operator's console opens the set-up page."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from appliance import audit, tenancy
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.identity.errors import SetupLinkClosed
from appliance.identity.naming import checked_name, normal_email
from appliance.identity.people import check_password, enrol
from appliance.identity.values import Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.sealing import digest

LINK_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class Founding:
    """What the set-up page asks for."""

    organisation: str
    display_name: str
    email: str
    password: str


def create_setup_link(db: Database, *, clock: Clock) -> str:
    """Return the token of a new link; the link before it closes. The operator's console only."""
    token, now = secrets.token_urlsafe(32), clock.now()
    with db.tenant(PLATFORM) as tx:
        tx.execute(
            text("SELECT create_setup_link(:digest, :now, :expires)"),
            {"digest": digest(token), "now": now, "expires": now + LINK_LIFETIME},
        )
        audit.record(tx, Actor(ActorKind.OPERATOR), Event.SETUP_LINK_CREATED)
    return token


def link_is_open(db: Database, token: str, *, clock: Clock) -> bool:
    """Say whether the link would still work."""
    with db.platform() as tx:
        return bool(
            tx.scalar(text("SELECT setup_link_is_open(:digest, :now)"), {"digest": digest(token), "now": clock.now()})
        )


def found_organisation(tx: Tx, founding: Founding, *, actor: Actor, clock: Clock) -> UserId:
    """Create the organisation that this transaction is bound to, with its owner. Doors call `chat.found`."""
    # Before anything is recorded: the first entry with an address makes the organisation's keys, whose file stays if this is taken back.
    check_password(founding.password, email=normal_email(founding.email))
    checked_name(founding.display_name)
    tenancy.create_organisation(tx, actor, name=founding.organisation, clock=clock)
    return enrol(
        tx,
        actor,
        email=founding.email,
        display_name=founding.display_name,
        password=founding.password,
        role=Role.OWNER,
        clock=clock,
    )


def consume_setup_link(tx: Tx, token: str, *, clock: Clock) -> None:
    """Close the link in this transaction. Raises SetupLinkClosed; of two clicks at once, one goes on."""
    used = tx.scalar(text("SELECT consume_setup_link(:digest, :now)"), {"digest": digest(token), "now": clock.now()})
    if not used:
        raise SetupLinkClosed
