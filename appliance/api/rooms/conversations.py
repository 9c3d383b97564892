from collections.abc import Generator, Iterator
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import chat
from appliance.api.answering import answered
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, Text, part
from appliance.chat import ChatbotId, Conversation, ConversationId, Format, Turn
from appliance.chat.errors import (
    ChatbotClosed,
    ChatbotNotFound,
    CommentTooLong,
    ConversationNotFound,
    MessageNotFound,
    QuestionMissing,
    TitleMalformed,
)
from appliance.identity import Permission
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable

Question = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_000),
    Field(examples=["When is the fire drill?"]),
]
Stream = Annotated[
    bool,
    Field(description="True: server-sent events `question`, `delta`, `citation`, then `done` or `refused`."),
]

QuotesOnly = Annotated[
    bool,
    Field(description="True: answered by quotes, on this host, whatever model the chatbot has."),
]
UNSEALING = (KeyDestroyed, KeyUnavailable, IntegrityError)
"""What may happen wherever something is opened that people said."""


class ConversationsPage(Page):
    """Which of one's own conversations: `text` is looked for in titles, questions and answers."""

    text: Text = ""


class StartIn(Input):
    chatbot_id: UUID


class QuestionIn(Input):
    """`edits` names an earlier question, beside which this one begins a branch."""

    question: Question
    edits: UUID | None = None
    quotes_only: QuotesOnly = False
    stream: Stream = False


class RetryIn(Input):
    quotes_only: QuotesOnly = False
    stream: Stream = False


class SaidIn(Input):
    role: Literal["user", "assistant"]
    text: Text


class UnkeptIn(Input):
    """A question that is answered and not kept; what was said before comes with it."""

    question: Question
    history: list[SaidIn] = Field(default_factory=list, max_length=50)
    quotes_only: QuotesOnly = False
    stream: Stream = False


class BranchIn(Input):
    message_id: UUID


class TitleIn(Input):
    title: Annotated[str, StringConstraints(min_length=1, max_length=80), Field(examples=["Fire drills"])]


class FeedbackIn(Input):
    is_good: bool
    comment: Annotated[str, StringConstraints(max_length=2_000)] = ""


class FormatAsked(Input):
    format: Format = Format.JSON


class ConversationOut(Output):
    """`shared_at` is set while others in the organisation may read it; `head_id` ends the branch that is shown."""

    conversation_id: UUID
    chatbot_id: UUID
    title: str
    updated_at: datetime
    head_id: UUID | None
    shared_at: datetime | None


class CitationOut(Output):
    """Where a sentence stands. The ids are null once the document is deleted."""

    number: int
    document_id: UUID | None
    chunk_id: UUID | None
    title: str
    heading: str
    page_from: int | None
    page_to: int | None
    quote: str
    version: int | None = Field(None, description="The version of the document that was cited; null for old answers.")
    is_replaced: bool = False


class FeedbackOut(Output):
    is_good: bool
    comment: str


class MessageOut(Output):
    """A question or an answer. `siblings` are the branches that begin here.

    `is_withheld`: the answer rests on documents that are not open to you any more; its text is left out.
    """

    message_id: UUID
    role: Literal["user", "assistant"]
    body: str
    outcome: Literal["answered", "abstained", "stopped"] | None
    created_at: datetime
    citations: list[CitationOut]
    parent_id: UUID | None
    siblings: list[UUID]
    feedback: FeedbackOut | None
    is_withheld: bool
    replaced: int = Field(0, description="How many values the model was told stand-ins for.", examples=[3])
    removed: int = Field(0, description="How many values the organisation's policy on data took out.", examples=[0])
    warned: int = Field(0, description="How many values of the question it warns about.", examples=[0])
    untraced: int = Field(0, description="How many sentences of a model no passage bore out: left out, or marked [?].", examples=[1])
    model: str | None = Field(None, description="Which model answered; null of a question, and of answers before this was kept.", examples=["extractive"])


class MessagesOut(Output):
    items: list[MessageOut]


class AnswerOut(Output):
    """`answer` is null where the conversation was deleted meanwhile."""

    question: MessageOut
    answer: MessageOut | None


def _as_now(call: Call, said: AnswerOut) -> AnswerOut:
    """Return an answer that was given before without what is closed to the caller by now."""
    if said.answer is None:
        return said
    with call.tenant() as tx:
        if not chat.is_closed(tx, call.caller, _id(call), said.answer.message_id):
            return said
    rest = said.answer.model_copy(update={"body": "", "citations": [], "is_withheld": True})
    return said.model_copy(update={"answer": rest})


class OpeningOut(Output):
    """That an administrator, or whoever holds the host, opened the conversation, and why."""

    viewer_name: str
    reason: str
    viewed_at: datetime


class OpeningsOut(Output):
    items: list[OpeningOut]


class ExportOut(Output):
    format: Format
    text: str


@operation(
    "GET", "/conversations", permission=Permission.CHAT, query=ConversationsPage, answer=Listed[ConversationOut],
    refusals=(ConversationNotFound, *UNSEALING),
)  # fmt: skip
def list_conversations(call: Call) -> Listed[ConversationOut]:
    """Return one's own conversations, the latest first."""
    asked = call.query
    with call.tenant() as tx:
        before = None
        if asked.cursor:
            last = chat.get_conversation(tx, call.caller, ConversationId(asked.cursor), sealer=call.services.vault)
            before = (last.updated_at, last.conversation_id)
        found = chat.list_conversations(
            tx, call.caller, query=asked.text, before=before, limit=asked.limit + 1, sealer=call.services.vault
        )
    rows, cursor = part(found, asked, key=lambda one: one.conversation_id)
    return Listed[ConversationOut](items=[_out(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/conversations", permission=Permission.CHAT, body=StartIn, answer=ConversationOut, status=201,
    refusals=(ChatbotNotFound,),
)  # fmt: skip
def start_conversation(call: Call) -> ConversationOut:
    """Start a conversation with a chatbot."""
    with call.tenant() as tx:
        chatbot_id = ChatbotId(call.body.chatbot_id)
        return _out(chat.create_conversation(tx, call.caller, chatbot_id, clock=call.services.clock))


@operation(
    "GET", "/conversations/{conversation_id}", permission=Permission.CHAT, answer=ConversationOut, refusals=UNSEALING
)
def get_conversation(call: Call) -> ConversationOut:
    """Return a conversation of one's own, or one that was shared."""
    with call.tenant() as tx:
        return _out(chat.read_conversation(tx, call.caller, _id(call), sealer=call.services.vault))


@operation(
    "GET", "/conversations/{conversation_id}/messages", permission=Permission.CHAT, answer=MessagesOut,
    refusals=UNSEALING,
)  # fmt: skip
def list_messages(call: Call) -> MessagesOut:
    """Return the questions and answers of the branch that is shown, with their citations."""
    with call.tenant() as tx:
        chat.read_conversation(tx, call.caller, _id(call), sealer=call.services.vault)
        found = chat.list_messages(tx, call.caller, _id(call), sealer=call.services.vault)
    return MessagesOut(items=[MessageOut.model_validate(one) for one in found])


@operation(
    "POST", "/conversations/{conversation_id}/messages", permission=Permission.CHAT, body=QuestionIn, answer=AnswerOut,
    streams=True, refusals=(ChatbotClosed, MessageNotFound, QuestionMissing), again=_as_now,
)  # fmt: skip
def ask_question(call: Call) -> AnswerOut | Iterator[str]:
    """Ask. The answer quotes the documents that you may read; closing a stream stops it and keeps what came."""
    body = call.body
    asked, steps = call.services.chat.ask(call.caller, _id(call), body.question, edits=body.edits, by_quotes=body.quotes_only)
    return _answering(asked, steps, is_stream=body.stream)


@operation(
    "POST", "/conversations/{conversation_id}/messages/{message_id}/retry", permission=Permission.CHAT, body=RetryIn,
    answer=AnswerOut, streams=True, refusals=(ChatbotClosed, MessageNotFound), again=_as_now,
)  # fmt: skip
def retry_answer(call: Call) -> AnswerOut | Iterator[str]:
    """Answer a question once more, beside the answer that it has."""
    asked, steps = call.services.chat.retry(
        call.caller, _id(call), call.ids["message_id"], by_quotes=call.body.quotes_only
    )
    return _answering(asked, steps, is_stream=call.body.stream)


@operation(
    "PUT", "/conversations/{conversation_id}/branch", permission=Permission.CHAT, body=BranchIn, answer=ConversationOut,
    refusals=(MessageNotFound, *UNSEALING),
)  # fmt: skip
def switch_branch(call: Call) -> ConversationOut:
    """Show, and go on with, the branch that a message is on."""
    with call.tenant() as tx:
        return _out(chat.switch_branch(tx, call.caller, _id(call), call.body.message_id, sealer=call.services.vault))


@operation(
    "PUT", "/conversations/{conversation_id}/messages/{message_id}/feedback", permission=Permission.CHAT,
    body=FeedbackIn, refusals=(CommentTooLong, MessageNotFound, *UNSEALING),
)  # fmt: skip
def give_feedback(call: Call) -> None:
    """Say whether an answer was good; the last word counts."""
    body = call.body
    with call.tenant() as tx:
        chat.give_feedback(
            tx, call.caller, _id(call), call.ids["message_id"], is_good=body.is_good, comment=body.comment,
            clock=call.services.clock, sealer=call.services.vault,
        )  # fmt: skip


@operation(
    "PUT", "/conversations/{conversation_id}/title", permission=Permission.CHAT, body=TitleIn, answer=ConversationOut,
    refusals=(TitleMalformed, *UNSEALING),
)  # fmt: skip
def rename_conversation(call: Call) -> ConversationOut:
    """Give a conversation another title."""
    with call.tenant() as tx:
        return _out(
            chat.rename_conversation(tx, call.caller, _id(call), title=call.body.title, sealer=call.services.vault)
        )


@operation("PUT", "/conversations/{conversation_id}/sharing", permission=Permission.CHAT)
def share_conversation(call: Call) -> None:
    """Let others in the organisation read a conversation, as far as they may read what it cites."""
    with call.tenant() as tx:
        chat.share_conversation(tx, call.caller, _id(call), clock=call.services.clock)


@operation("DELETE", "/conversations/{conversation_id}/sharing", permission=Permission.CHAT)
def unshare_conversation(call: Call) -> None:
    """Stop sharing a conversation."""
    with call.tenant() as tx:
        chat.unshare_conversation(tx, call.caller, _id(call))


@operation(
    "GET", "/conversations/{conversation_id}/openings", permission=Permission.CHAT, answer=OpeningsOut,
    refusals=UNSEALING,
)  # fmt: skip
def list_openings(call: Call) -> OpeningsOut:
    """Return who opened one's own conversation under All conversations, when and why."""
    with call.tenant() as tx:
        found = chat.list_views(tx, call.caller, _id(call), sealer=call.services.vault)
    return OpeningsOut(items=[OpeningOut.model_validate(one) for one in found])


@operation(
    "GET", "/conversations/{conversation_id}/export", permission=Permission.CHAT, query=FormatAsked,
    answer=ExportOut, refusals=UNSEALING,
)  # fmt: skip
def export_conversation(call: Call) -> ExportOut:
    """Return a copy of one's own conversation, with every branch, as JSON or Markdown text."""
    with call.tenant() as tx:
        text = chat.export_conversation(tx, call.caller, _id(call), call.query.format, sealer=call.services.vault)
    return ExportOut(format=call.query.format, text=text)


@operation("DELETE", "/conversations/{conversation_id}", permission=Permission.CHAT)
def delete_conversation(call: Call) -> None:
    """Delete a conversation with its messages."""
    with call.tenant() as tx:
        chat.delete_conversation(tx, call.caller, _id(call), sealer=call.services.vault)


@operation(
    "POST", "/chatbots/{chatbot_id}/answers", permission=Permission.CHAT, body=UnkeptIn, answer=AnswerOut,
    streams=True, refusals=(ChatbotNotFound, QuestionMissing), keeps=False,
)  # fmt: skip
def ask_temporarily(call: Call) -> AnswerOut | Iterator[str]:
    """Ask without a conversation: nothing of it is kept, so an Idempotency-Key is passed over."""
    return _unkept(call, is_draft=False)


@operation(
    "POST", "/chatbots/drafts/{chatbot_id}/answers", permission=Permission.CHATBOT_EDIT, body=UnkeptIn,
    answer=AnswerOut, streams=True, refusals=(ChatbotNotFound, QuestionMissing), keeps=False,
)  # fmt: skip
def try_draft(call: Call) -> AnswerOut | Iterator[str]:
    """Ask a draft before it is published: nothing of it is kept, so an Idempotency-Key is passed over."""
    return _unkept(call, is_draft=True)


def _unkept(call: Call, *, is_draft: bool) -> AnswerOut | Iterator[str]:
    body = call.body
    history = [Turn(one.role, one.text) for one in body.history]
    chatbot_id = ChatbotId(call.ids["chatbot_id"])
    asked, steps = call.services.chat.ask_unkept(
        call.caller, chatbot_id, body.question, history, is_draft=is_draft, by_quotes=body.quotes_only
    )
    return _answering(asked, steps, is_stream=body.stream)


def _answering(
    asked: chat.Message, steps: Generator[chat.Step, None, None], *, is_stream: bool
) -> AnswerOut | Iterator[str]:
    question = MessageOut.model_validate(asked)
    if is_stream:
        return answered(question, steps, message=MessageOut, citation=CitationOut)
    said = [step.message for step in steps if isinstance(step, chat.Answered)]
    return AnswerOut(question=question, answer=MessageOut.model_validate(said[-1]) if said else None)


def _out(conversation: Conversation) -> ConversationOut:
    return ConversationOut.model_validate(conversation)


def _id(call: Call) -> ConversationId:
    return ConversationId(call.ids["conversation_id"])
