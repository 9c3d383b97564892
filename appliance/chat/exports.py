"""A copy of a conversation that its owner takes away: Markdown to read, JSON to keep."""

import json
from enum import StrEnum

from appliance import audit
from appliance.audit import Event
from appliance.chat.chatbots import chatbot_name
from appliance.chat.queries import get_conversation, list_all_messages, list_messages
from appliance.chat.values import EXPORTED_IN_ENGLISH, Citation, Conversation, ConversationId, ExportWords, Message
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer


class Format(StrEnum):
    """The shown branch as Markdown, or every branch as JSON."""

    MARKDOWN = "md"
    JSON = "json"


def export_conversation(
    tx: Tx,
    caller: Caller,
    conversation_id: ConversationId,
    form: Format,
    words: ExportWords = EXPORTED_IN_ENGLISH,
    *,
    sealer: Sealer,
) -> str:
    """Return one's own conversation as a text in this format; `words` stand in Markdown between what was said."""
    conversation = get_conversation(tx, caller, conversation_id, sealer=sealer)
    audit.record(tx, caller.actor, Event.CONVERSATION_EXPORTED, subject=conversation_id, format=form.value)
    name = chatbot_name(tx, conversation.chatbot_id)
    if form is Format.JSON:
        return _as_json(conversation, name, list_all_messages(tx, caller, conversation_id, sealer=sealer))
    return _as_markdown(conversation, name, list_messages(tx, caller, conversation_id, sealer=sealer), words)


def _as_markdown(conversation: Conversation, name: str, messages: list[Message], words: ExportWords) -> str:
    parts = [f"# {conversation.title}", name]
    for message in messages:
        said = f"({words.withheld})" if message.is_withheld else message.body
        parts += [f"## {words.question if message.role == 'user' else words.answer}", said]
        if message.is_written and not message.is_withheld:
            parts += [f"({words.written})", *([f"({words.untraced} {message.untraced})"] if message.untraced else [])]
        if message.citations:
            parts.append("\n".join(f"[{c.number}] {_place(c, words)}: “{c.quote}”  " for c in message.citations))
    return "\n\n".join(parts) + "\n"


def _place(citation: Citation, words: ExportWords) -> str:
    page = f"{words.page} {citation.page_from}" if citation.page_from else ""
    return ", ".join(filter(None, (citation.title, citation.heading, page)))


def _as_json(conversation: Conversation, name: str, messages: list[Message]) -> str:
    members = {
        "conversation_id": str(conversation.conversation_id),
        "title": conversation.title,
        "chatbot": name,
        "updated_at": conversation.updated_at.isoformat(),
        "head_id": _id(conversation.head_id),
        "messages": [
            {
                "message_id": str(message.message_id),
                "parent_id": _id(message.parent_id),
                "role": message.role,
                "body": message.body,
                "is_withheld": message.is_withheld,
                "replaced": message.replaced,
                "removed": message.removed,
                "warned": message.warned,
                "untraced": message.untraced,
                "model": message.model,
                "outcome": message.outcome,
                "created_at": message.created_at.isoformat(),
                "feedback": vars(message.feedback) if message.feedback else None,
                "citations": [
                    {
                        "number": citation.number, "document_id": _id(citation.document_id), "title": citation.title,
                        "heading": citation.heading, "page_from": citation.page_from, "page_to": citation.page_to,
                        "quote": citation.quote,
                    }
                    for citation in message.citations
                ],
            }
            for message in messages
        ],
    }  # fmt: skip
    return json.dumps(members, ensure_ascii=False, indent=2) + "\n"


def _id(value: object) -> str | None:
    return str(value) if value else None
