"""The closed catalogue of events."""

from enum import StrEnum


class Event(StrEnum):
    """<room>:<subject>:<past tense>. Never reuse or rename one: exports outlive us."""

    BUDGET_CHANGED = "budgets:budget:changed"
    CALL_ADMITTED = "gateway:call:admitted"
    CALL_REFUSED = "gateway:call:refused"
    CALL_SETTLED = "gateway:call:settled"
    CHATBOT_CHANGED = "chat:chatbot:changed"
    CHATBOT_CREATED = "chat:chatbot:created"
    CONVERSATION_CREATED = "chat:conversation:created"
    CONVERSATION_DELETED = "chat:conversation:deleted"
    DOCUMENT_APPROVED = "knowledge:document:approved"
    DOCUMENT_DELETED = "knowledge:document:deleted"
    DOCUMENT_FAILED = "knowledge:document:failed"
    DOCUMENT_INDEXED = "knowledge:document:indexed"
    DOCUMENT_OPENED = "knowledge:document:opened"
    DOCUMENT_QUARANTINED = "knowledge:document:quarantined"
    DOCUMENT_RECEIVED = "knowledge:document:received"
    DOCUMENT_RETRIED = "knowledge:document:retried"
    LOG_EXPORTED = "audit:log:exported"
    LOG_READ = "audit:log:read"
    MEMBER_ADDED = "identity:member:added"
    MEMBER_REMOVED = "identity:member:removed"
    ORGANISATION_CREATED = "tenancy:organisation:created"
    PASSAGES_RETRIEVED = "knowledge:passages:retrieved"
    PASSWORD_CHANGED = "identity:password:changed"  # noqa: S105 - the name of an event
    QUESTION_ANSWERED = "chat:question:answered"
    QUESTION_ASKED = "chat:question:asked"
    ROLE_CHANGED = "identity:role:changed"
    SESSION_CLOSED = "identity:session:closed"
    SESSION_OPENED = "identity:session:opened"
    SETUP_LINK_CREATED = "identity:setup_link:created"
    SIGN_IN_FAILED = "identity:sign_in:failed"
    SIGN_IN_LOCKED = "identity:sign_in:locked"


MEANING: dict[Event, str] = {
    Event.BUDGET_CHANGED: "The organisation's monthly token budget was set or lifted.",
    Event.CALL_ADMITTED: "A model call passed policy, DLP and budget, and its tokens were reserved.",
    Event.CALL_REFUSED: "A model call was refused before anything was sent.",
    Event.CALL_SETTLED: "A model call ended; its real usage replaced the reservation.",
    Event.CHATBOT_CHANGED: "A chatbot's name, welcome text or instructions changed.",
    Event.CHATBOT_CREATED: "A chatbot was created.",
    Event.CONVERSATION_CREATED: "A person started a conversation.",
    Event.CONVERSATION_DELETED: "A person deleted a conversation of their own.",
    Event.DOCUMENT_APPROVED: "A quarantined document was released to be indexed.",
    Event.DOCUMENT_DELETED: "A document was removed from the store and from the index.",
    Event.DOCUMENT_FAILED: "A document could not be read; the reason's code is in the facts.",
    Event.DOCUMENT_INDEXED: "A document became searchable; codes of what was not read are in the facts.",
    Event.DOCUMENT_OPENED: "A person opened a document, or one of its passages, in the reader.",
    Event.DOCUMENT_QUARANTINED: "A document held something that must not be there and was held back.",
    Event.DOCUMENT_RECEIVED: "A document was uploaded, sealed and queued.",
    Event.DOCUMENT_RETRIED: "A failed document was queued again.",
    Event.LOG_EXPORTED: "The log was written to a file for an auditor.",
    Event.LOG_READ: "Somebody read this log.",
    Event.MEMBER_ADDED: "A person joined the organisation.",
    Event.MEMBER_REMOVED: "A person left the organisation; their sessions ended at once.",
    Event.ORGANISATION_CREATED: "An organisation was created with its first owner.",
    Event.PASSAGES_RETRIEVED: "Passages were searched for a question; their ids are in the facts.",
    Event.PASSWORD_CHANGED: "A person changed their password; their other sessions ended.",
    Event.QUESTION_ANSWERED: "A question was answered, abstained from, or stopped.",
    Event.QUESTION_ASKED: "A person asked a chatbot a question.",
    Event.ROLE_CHANGED: "A person's role changed.",
    Event.SESSION_CLOSED: "A session was ended, by its person or for them.",
    Event.SESSION_OPENED: "A person signed in.",
    Event.SETUP_LINK_CREATED: "The operator's console issued a single-use set-up link.",
    Event.SIGN_IN_FAILED: "A sign-in failed: unknown person or wrong password.",
    Event.SIGN_IN_LOCKED: "A sign-in was refused because too many had failed.",
}
