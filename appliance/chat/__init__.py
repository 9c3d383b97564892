"""Chatbots and conversations: questions answered from an organisation's own documents, with citations.

A conversation is its owner's: nobody else in the organisation reads it unless they share it, and no other organisation
knows it exists. What was said stands sealed: the database is not trusted with a word of it (decision 0019).
"""

from appliance.chat.bots import ChatBots
from appliance.chat.chatbots import (
    archive_chatbot,
    chatbot_name,
    create_chatbot,
    create_first_chatbot,
    duplicate_chatbot,
    get_chatbot,
    get_draft,
    list_chatbots,
    list_drafts,
    publish_chatbot,
    published_models,
    unarchive_chatbot,
    update_chatbot,
)  # fmt: skip
from appliance.chat.exports import Format, export_conversation
from appliance.chat.flow import Answered, Chat, Cites, Says, Step, check_question
from appliance.chat.founding import found, furnish, open_organisation
from appliance.chat.queries import (
    find_quote,
    get_conversation,
    is_closed,
    list_conversations,
    list_latest,
    list_messages,
    read_conversation,
)  # fmt: skip
from appliance.chat.rehearsing import RecentTraffic, list_dry_run_places
from appliance.chat.reviews import (
    decide_review,
    get_for_review,
    list_for_review,
    list_requests,
    list_views,
    open_for_review,
    read_opened,
    request_review,
)  # fmt: skip
from appliance.chat.screening import Screen
from appliance.chat.sealed import SEALED
from appliance.chat.service import (
    create_conversation,
    delete_conversation,
    give_feedback,
    rename_conversation,
    share_conversation,
    switch_branch,
    unshare_conversation,
)  # fmt: skip
from appliance.chat.unsealed import SEAL, note_sealing, seal_plain, tend_sealing
from appliance.chat.values import (
    QUOTES,
    UNTITLED,
    Audience,
    Chatbot,
    ChatbotForm,
    ChatbotId,
    Citation,
    Conversation,
    ConversationId,
    ExportWords,
    FirstWords,
    Message,
    Reviewable,
    ReviewRequest,
    View,
)  # fmt: skip
from appliance.gateway import Turn

__all__ = [
    "QUOTES", "SEAL", "SEALED", "UNTITLED", "Answered", "Audience", "Chat", "ChatBots", "Chatbot", "ChatbotForm", "ChatbotId", "Citation", "Cites", "Conversation",
    "ConversationId", "ExportWords", "FirstWords", "Format", "Message", "RecentTraffic", "ReviewRequest", "Reviewable", "Says", "Screen", "Step", "Turn", "View", "archive_chatbot",
    "chatbot_name", "check_question", "create_chatbot", "create_conversation", "create_first_chatbot",
    "decide_review", "delete_conversation", "duplicate_chatbot", "export_conversation", "find_quote", "found", "furnish",
    "get_chatbot", "get_conversation", "get_draft", "get_for_review", "give_feedback", "is_closed",
    "list_chatbots", "list_conversations", "list_drafts", "list_dry_run_places", "list_for_review", "list_latest", "list_messages", "list_requests", "list_views", "note_sealing",
    "open_for_review", "open_organisation", "publish_chatbot", "published_models", "read_conversation", "read_opened",
    "rename_conversation", "request_review", "seal_plain", "share_conversation", "switch_branch", "tend_sealing", "unarchive_chatbot",
    "unshare_conversation", "update_chatbot",
]  # fmt: skip
