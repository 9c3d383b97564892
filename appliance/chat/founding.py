"""A new organisation, furnished: owner, first collection, first chatbot, in the transaction of its tenant."""

from appliance import identity, knowledge
from appliance.audit import Actor, ActorKind
from appliance.chat.chatbots import create_first_chatbot
from appliance.identity import UserId
from appliance.identity.setup import Founding
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx


def found(tx: Tx, founding: Founding, *, actor: Actor, clock: Clock) -> UserId:
    """Create the organisation that this transaction is bound to; return its owner. All of it happens, or nothing."""
    user_id = identity.found_organisation(tx, founding, actor=actor, clock=clock)
    owner = Actor(ActorKind.USER, user_id, actor.address, actor.request_id)
    furnish(tx, owner, clock=clock)
    return user_id


def furnish(tx: Tx, actor: Actor, *, clock: Clock) -> None:
    """Give an organisation what it starts with."""
    knowledge.create_first_collection(tx, actor, clock=clock)
    create_first_chatbot(tx, actor, clock=clock)
