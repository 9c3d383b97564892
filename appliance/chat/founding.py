"""A new organisation, furnished: owner, first collection, first chatbot, in the transaction of its tenant."""

from appliance import audit, identity, knowledge, tenancy
from appliance.audit import Actor, ActorKind, Event
from appliance.chat.chatbots import create_first_chatbot
from appliance.chat.values import IN_ENGLISH, FirstWords
from appliance.identity import Caller, Permission, Role, UserId
from appliance.identity.invitations import InvitationForm, offer
from appliance.identity.naming import normal_email
from appliance.identity.setup import Founding
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id


def found(tx: Tx, founding: Founding, *, actor: Actor, clock: Clock, words: FirstWords = IN_ENGLISH) -> UserId:
    """Create the organisation that this transaction is bound to; return its owner. All of it happens, or nothing."""
    user_id = identity.found_organisation(tx, founding, actor=actor, clock=clock)
    owner = Actor(ActorKind.USER, user_id, actor.address, actor.request_id)
    furnish(tx, owner, words, clock=clock)
    return user_id


def open_organisation(
    db: Database, caller: Caller, *, name: str, owner_email: str, clock: Clock, words: FirstWords = IN_ENGLISH
) -> tuple[TenantId, str]:
    """Create an organisation as an operator; return it with the token of its first owner's invitation.

    What the operator did stands in the platform's log, first, and in the organisation's own.
    """
    identity.require(caller, Permission.PLATFORM_CHANGE)
    normal_email(owner_email)  # before the first entry makes keys for an organisation that is then taken back
    tenant_id = TenantId(new_id())
    with db.tenant(caller.tenant_id) as tx:
        audit.record(tx, caller.actor, Event.ORGANISATION_CREATED, subject=tenant_id)
    with db.tenant(tenant_id) as tx:
        tenancy.create_organisation(tx, caller.actor, name=name, clock=clock)
        furnish(tx, caller.actor, words, clock=clock)
        invited = offer(tx, caller.actor, InvitationForm(owner_email, Role.OWNER), clock=clock)
    return tenant_id, invited.token


def furnish(tx: Tx, actor: Actor, words: FirstWords = IN_ENGLISH, *, clock: Clock) -> None:
    """Give an organisation what it starts with."""
    knowledge.create_first_collection(tx, actor, name=words.name, clock=clock)
    create_first_chatbot(tx, actor, words, clock=clock)
