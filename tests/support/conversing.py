"""Somebody's conversations: begun, listed and read, and what the database has of them."""

from typing import Any
from uuid import UUID

from appliance import chat
from appliance.chat import ChatbotId, Conversation, ConversationId, Message
from tests.support.house import House, Member


def boots(house: House, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET search_path = cloister, public")
        found = boot.execute(statement.encode(), values)
        return found.fetchall() if found.description else []


def talks(member: Member, query: str = "") -> list[Conversation]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return chat.list_conversations(tx, member.caller, sealer=member.services.vault, query=query, limit=1000)


def titles(member: Member, query: str = "") -> set[str]:
    return {one.title for one in talks(member, query)}


def messages(member: Member, talk: UUID) -> list[Message]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return chat.list_messages(tx, member.caller, ConversationId(talk), sealer=member.services.vault)


def begins(member: Member, *questions: str) -> UUID:
    with member.services.db.tenant(member.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, member.caller)[0].chatbot_id
        talk = chat.create_conversation(tx, member.caller, ChatbotId(chatbot), clock=member.house.clock).conversation_id
    for question in questions:
        _, answer = member.services.chat.ask(member.caller, talk, question)
        list(answer)
    return talk
