"""Conversations as they stood before they were sealed, and a process that seals them, to be killed:
python -m tests.support.sealing TENANT.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from appliance import chat
from appliance.assembly import assemble
from appliance.chat import unsealed
from appliance.kernel.ids import TenantId, new_id
from appliance.settings import load
from tests.support.house import House, Member


def said_before(
    house: House, member: Member, talks: Sequence[tuple[str, Sequence[str]]], *, comment: str = "", quote: str = ""
) -> list[UUID]:
    """Store conversations (a title, and what was said in turn), as an earlier version did; return their ids."""
    with member.services.db.tenant(member.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, member.caller)[0].chatbot_id
    tenant, owner, ids = member.tenant_id, member.caller.user_id, [new_id() for _ in talks]
    with house.server.connect("boot", house.database) as boot, boot.transaction():
        boot.execute("SET LOCAL search_path = cloister, public")
        for at, (talk, (title, bodies)) in enumerate(zip(ids, talks, strict=True)):
            now, head = house.clock.now() + timedelta(seconds=at), None
            boot.execute(
                "INSERT INTO conversations (tenant_id, conversation_id, chatbot_id, owner_id, title, created_at, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)", (tenant, talk, chatbot, owner, title, now, now),
            )  # fmt: skip
            for turn, body in enumerate(bodies):
                message, role = new_id(), "assistant" if turn % 2 else "user"
                boot.execute(
                    "INSERT INTO messages (tenant_id, message_id, conversation_id, parent_id, role, body, outcome, created_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (tenant, message, talk, head, role, body, "answered" if turn % 2 else None, now + timedelta(milliseconds=turn)),
                )  # fmt: skip
                head = message
                if turn % 2 and quote:
                    boot.execute(
                        "INSERT INTO citations (tenant_id, message_id, number, title, heading, quote)"
                        " VALUES (%s, %s, 1, %s, %s, %s)", (tenant, message, f"of {quote}", f"on {quote}", quote),
                    )  # fmt: skip
                if turn % 2 and comment:
                    boot.execute(
                        "INSERT INTO feedback (tenant_id, message_id, user_id, is_good, comment, given_at)"
                        " VALUES (%s, %s, %s, true, %s, %s)", (tenant, message, owner, comment, now),
                    )  # fmt: skip
            boot.execute("UPDATE conversations SET head_id = %s WHERE conversation_id = %s", (head, talk))
            boot.execute(
                "INSERT INTO conversation_views (tenant_id, view_id, conversation_id, viewer_id, reason, viewed_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)", (tenant, new_id(), talk, owner, f"because of {title}", now),
            )  # fmt: skip
    return ids


def main(tenant: str) -> None:
    """Seal everything of one organisation."""
    unsealed._CONVERSATIONS = 10  # many pieces, to be killed between them
    services = assemble(load(), role="worker")
    print("begun", flush=True)
    chat.seal_plain(services.db, services.vault, TenantId(UUID(tenant)), seconds=600)
    services.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
