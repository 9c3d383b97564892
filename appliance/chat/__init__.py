"""Chatbots and conversations: questions answered from an organisation's own documents, with citations.

A conversation is its owner's: nobody else in the organisation reads it, and no other organisation knows it exists.
"""

from appliance.chat.flow import Answered, Chat, Cites, Says
from appliance.chat.founding import found, furnish, open_organisation
from appliance.chat.queries import (
    count_questions,
    get_chatbot,
    get_conversation,
    list_chatbots,
    list_conversations,
    list_messages,
)
from appliance.chat.service import (
    create_chatbot,
    create_conversation,
    create_first_chatbot,
    delete_conversation,
    update_chatbot,
)
from appliance.chat.values import Chatbot, ChatbotId, Citation, Conversation, ConversationId, Message

__all__ = [
    "Answered", "Chat", "Chatbot", "ChatbotId", "Citation", "Cites", "Conversation", "ConversationId", "Message", "Says",
    "count_questions", "create_chatbot", "create_conversation", "create_first_chatbot", "delete_conversation", "found", "furnish",
    "get_chatbot", "get_conversation", "list_chatbots", "list_conversations", "list_messages", "open_organisation", "update_chatbot",
]  # fmt: skip
