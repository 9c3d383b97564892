"""
Refusal
├── ConversationNotFound   kind=not_found
├── MessageNotFound        kind=not_found
├── ChatbotNotFound        kind=not_found
├── ChatbotClosed          kind=conflict
├── ReviewOff              kind=forbidden
├── ReviewNotGranted       kind=forbidden
├── ReviewNotFound         kind=not_found
├── ReviewDecided          kind=conflict
├── NotSecondPerson        kind=forbidden
├── PersonNeeded           kind=forbidden
├── AnswerBlocked          kind=blocked
├── DlpBlocked             kind=blocked, of `dlp`
│   └── QuestionBlocked
└── Invalid
    ├── QuestionMissing
    ├── TitleMalformed
    ├── CommentTooLong
    ├── ReasonMissing
    ├── CollectionUnknown
    ├── ChatbotMalformed
    └── ChatbotModelUnknown
"""

from appliance.dlp import DlpBlocked
from appliance.kernel.errors import Invalid, Kind, Refusal


class ConversationNotFound(Refusal):
    """You have no such conversation. It may have been deleted; look under Chat."""

    kind = Kind.NOT_FOUND
    code = "conversation_not_found"


class MessageNotFound(Refusal):
    """This conversation has no such message. Reload the page."""

    kind = Kind.NOT_FOUND
    code = "message_not_found"


class ChatbotNotFound(Refusal):
    """Your organisation has no such chatbot. Look under Chatbots."""

    kind = Kind.NOT_FOUND
    code = "chatbot_not_found"


class ChatbotClosed(Refusal):
    """This chatbot is archived, or no longer open to you. You can still read the conversation; start one with another."""

    kind = Kind.CONFLICT
    code = "chatbot_closed"


class AnswerBlocked(Refusal):
    """The rest of this answer is held back: it says something that must not be shown ({category}), by the rule "{rule}" of your organisation."""

    kind = Kind.BLOCKED
    code = "answer_blocked"


class QuestionBlocked(DlpBlocked):
    """This question holds something that must not go to the model ({category}), by the rule "{rule}" of your organisation. Remove it and ask again."""

    code = "question_blocked"


class QuestionMissing(Invalid):
    """Type a question of at most 4,000 characters."""

    code = "question_missing"


class TitleMalformed(Invalid):
    """A conversation's title has 1 to 80 characters."""

    code = "title_malformed"


class CommentTooLong(Invalid):
    """A comment has at most 2,000 characters."""

    code = "comment_too_long"


class CollectionUnknown(Invalid):
    """One of the collections is gone, or not yours to read. Reload the page and choose again."""

    code = "collection_unknown"


class ChatbotMalformed(Invalid):
    """A chatbot needs a name of 1 to 120 characters, a temperature from 0 to 2, texts of at most 4,000 characters, and at most six suggested questions of 200 characters."""

    code = "chatbot_malformed"


class ChatbotModelUnknown(Invalid):
    """No chatbot here can be answered by {model}: it is no alias, and not allowed under Models. Allow it there first, or choose from the list."""

    code = "chatbot_model_unknown"


class ReviewOff(Refusal):
    """Your organisation keeps what people ask to themselves: nobody else may open it. See Settings."""

    kind = Kind.FORBIDDEN
    code = "review_off"


class ReviewNotGranted(Refusal):
    """You may open this only after you said why, and where the works-council mode is on only after a second administrator agreed. A grant lasts a day, an opening an hour."""

    kind = Kind.FORBIDDEN
    code = "review_not_granted"


class ReviewNotFound(Refusal):
    """There is no such request. It may have gone with what it was about; look at the list again."""

    kind = Kind.NOT_FOUND
    code = "review_not_found"


class ReviewDecided(Refusal):
    """This request is decided already, or too old to decide. Ask again if it is still needed."""

    kind = Kind.CONFLICT
    code = "review_decided"


class NotSecondPerson(Refusal):
    """Who asked cannot decide, nor whose conversation or call it is. Let another administrator do it."""

    kind = Kind.FORBIDDEN
    code = "not_second_person"


class PersonNeeded(Refusal):
    """In the works-council mode people ask, and not programs: one person could else be two. Ask for it yourself."""

    kind = Kind.FORBIDDEN
    code = "person_needed"


class ReasonMissing(Invalid):
    """Say why, in 3 to 500 characters. The person whose conversation or call it is reads it."""

    code = "reason_missing"
