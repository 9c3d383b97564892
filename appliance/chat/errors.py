"""
Refusal
├── ConversationNotFound   kind=not_found
├── ChatbotNotFound        kind=not_found
└── Invalid
    ├── QuestionMissing
    └── ChatbotMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class ConversationNotFound(Refusal):
    """You have no such conversation. It may have been deleted; look under Chat."""

    kind = Kind.NOT_FOUND
    code = "conversation_not_found"


class ChatbotNotFound(Refusal):
    """Your organisation has no such chatbot. Look under Chatbots."""

    kind = Kind.NOT_FOUND
    code = "chatbot_not_found"


class QuestionMissing(Invalid):
    """Type a question of at most 4,000 characters."""

    code = "question_missing"


class ChatbotMalformed(Invalid):
    """A chatbot needs a name of 1 to 120 characters, a model from the list, and texts of at most 4,000 characters."""

    code = "chatbot_malformed"
