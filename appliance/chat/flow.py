"""One question, from asking to the stored answer.

Three transactions, none of them open while a model computes: the question is stored (1), passages are found (2), the
answer is stored whole with its citations (3). If the process dies between, the question stands without an answer and
can be asked again; there is never half an answer.

A question that is not kept (a temporary chat, the bench beside a draft) goes the same way without (1) and without the
rows of (3): the gateway's record and the audit log, which hold no content, are all that remains.

Where the organisation has rules about what is found in texts, a question is looked at before (1), and what goes to the
model, and comes back, passes `screening`.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from appliance import audit, dlp, identity, knowledge
from appliance.audit import Event
from appliance.chat import answers
from appliance.chat.asking import TURNS, Asked, Material, query_of, request_of, search, turns_of
from appliance.chat.chatbots import get_chatbot, get_draft, partner
from appliance.chat.citing import citations_of
from appliance.chat.errors import MessageNotFound, QuestionMissing
from appliance.chat.queries import branch_to, own_row
from appliance.chat.screening import Screen, Terms, Way
from appliance.chat.service import TITLE_LIMIT
from appliance.chat.sources import add_sources
from appliance.chat.surrogates import find_surrogates, keep_surrogates
from appliance.chat.tables import ConversationRow
from appliance.chat.terms import collections_for, record_found, record_refused, terms_for
from appliance.chat.values import (
    QUOTES,
    UNTITLED,
    Chatbot,
    ChatbotId,
    Citation,
    ConversationId,
    Message,
    Outcome,
    cleaned,
)
from appliance.chat.writing import Answering, grounded, nothing_found, without_stopped
from appliance.gateway import Asker, ChatRequest, Cited, Delta, Finish, Gateway, Item, QueryVector, Turn
from appliance.gateway.choices import ModelChoices
from appliance.gateway.errors import PolicyMoved
from appliance.gateway.writing import NO_PREMISES, Destination, Writer
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Sealer
from appliance.knowledge import CollectionId, DocumentId

_QUESTION_LIMIT = 4_000


@dataclass(frozen=True)
class Says:
    """The answer goes on."""

    text: str


@dataclass(frozen=True)
class Cites:
    """The answer rests on this."""

    citation: Citation


@dataclass(frozen=True)
class Answered:
    """The stored answer."""

    message: Message


Step = Says | Cites | Answered


class Chat:
    """Answers questions through the gate."""

    def __init__(
        self, db: Database, gateway: Gateway, *, sealer: Sealer, screen: Screen, clock: Clock, writer: Writer
    ) -> None:
        self._db, self._gateway, self._sealer, self._screen, self._clock = db, gateway, sealer, screen, clock
        self._writer = writer

    def ask(
        self, caller: Caller, conversation_id: ConversationId, question: str, *, edits: UUID | None = None,
        by_quotes: bool = False,
    ) -> tuple[Message, Generator[Step, None, None]]:
        """Store the question and return it with the stream of its answer. Raises QuestionMissing, a Refusal.

        It goes on where the conversation stands; with `edits` it begins a branch beside that earlier question.
        `by_quotes`: whatever model the chatbot has, it is answered by quotes, on this host. Closing the stream stops the answer,
        which is stored as far as it came.
        """
        with self._db.tenant(caller.tenant_id) as tx:
            row = own_row(tx, caller, conversation_id)
            question = check_question(question)
            chatbot = _answering(partner(tx, caller, ChatbotId(row.chatbot_id)), by_quotes=by_quotes)
            terms = self._terms(tx, caller, chatbot)
        way = self._open(caller, terms, question, subject=conversation_id)
        with self._db.tenant(caller.tenant_id) as tx:
            now = _answering(partner(tx, caller, ChatbotId(row.chatbot_id)), by_quotes=by_quotes)
            if (now.model, now.collection_ids) != (chatbot.model, chatbot.collection_ids):  # it was looked through for another
                raise PolicyMoved
            asked = self._store_question(tx, caller, conversation_id, question, edits, way, now)
        return asked.question, self._answer(caller, asked)

    def retry(
        self, caller: Caller, conversation_id: ConversationId, message_id: UUID, *, by_quotes: bool = False
    ) -> tuple[Message, Generator[Step, None, None]]:
        """Answer a question once more, beside the answer it has. Raises MessageNotFound, ChatbotClosed."""
        with self._db.tenant(caller.tenant_id) as tx:
            row = own_row(tx, caller, conversation_id)
            path = branch_to(tx, caller, conversation_id, message_id, sealer=self._sealer)
            while path and path[-1].role != "user":
                path.pop()
            if not path:
                raise MessageNotFound
            chatbot = _answering(partner(tx, caller, ChatbotId(row.chatbot_id)), by_quotes=by_quotes)
            terms = self._terms(tx, caller, chatbot)
        way = self._open(caller, terms, path[-1].body, subject=conversation_id)
        with self._db.tenant(caller.tenant_id) as tx:
            row = own_row(tx, caller, conversation_id, is_locked=True)
            self._remember(tx, way, conversation_id)
            self._record_asked(tx, caller, conversation_id, path[-1].body)
            history, told = turns_of(path[:-1])
            index_model = knowledge.active_model(tx).name
            asked = Asked(path[-1], chatbot, history, way, conversation_id, row.head_id, told, index_model)
        return asked.question, self._answer(caller, asked)

    def ask_unkept(
        self,
        caller: Caller,
        chatbot_id: ChatbotId,
        question: str,
        history: Sequence[Turn] = (),
        *,
        is_draft: bool = False,
        by_quotes: bool = False,
        counted_tokens: int | None = None,
        labels: tuple[str, ...] = (),
    ) -> tuple[Message, Generator[Step, None, None]]:
        """Answer without keeping anything: of the published chatbot, or for its editors of the draft."""
        with self._db.tenant(caller.tenant_id) as tx:
            chatbot = _answering((get_draft if is_draft else get_chatbot)(tx, caller, chatbot_id), by_quotes=by_quotes)
            message = Message(new_id(), "user", check_question(question), None, self._clock.now())
            terms = self._terms(tx, caller, chatbot, labels)
        way = self._open(caller, terms, message.body, subject=chatbot_id)
        with self._db.tenant(caller.tenant_id) as tx:
            self._record_asked(tx, caller, chatbot_id, message.body)
            index_model = knowledge.active_model(tx).name
        turns = tuple(history[-TURNS:])
        asked = Asked(message, chatbot, turns, way, index_model=index_model, labels=labels, counted_tokens=counted_tokens)
        return message, self._answer(caller, asked)

    def writes(self, chatbot: Chatbot) -> bool:
        """Say whether a model elsewhere answers for a chatbot, and is sent passages."""
        return chatbot.model not in self._gateway.models

    def models(self, tx: Tx, caller: Caller) -> ModelChoices:
        """Return the models that may answer for chatbots: of this host, aliases, and what is allowed of providers."""
        identity.require(caller, Permission.CHATBOT_EDIT)
        return self._gateway.choices(tx)

    def destinations(self, tx: Tx, caller: Caller, chatbot: Chatbot) -> list[Destination] | None:
        """Return who is sent a chatbot's questions and passages: None where all stays here; nobody where its model is gone."""
        identity.require(caller, Permission.CHATBOT_EDIT)
        if not self.writes(chatbot):
            return None
        try:
            return self._writer.destinations(tx, chatbot.model)
        except Refusal:
            return []

    def _terms(self, tx: Tx, caller: Caller, chatbot: Chatbot, labels: Collection[str] = ()) -> Terms:
        is_local = self._gateway.is_local(chatbot.model)
        premises = self._writer.premises(tx, chatbot.model) if self.writes(chatbot) else NO_PREMISES
        return terms_for(tx, caller, chatbot, is_local=is_local, premises=premises, labels=labels)

    def _open(self, caller: Caller, terms: Terms, question: str, *, subject: UUID) -> Way:
        """Return the way of a question. One that is refused is on record, and nothing of it is kept."""
        try:
            return self._screen.open(terms, question)
        except dlp.DlpBlocked as refusal:
            with self._db.tenant(caller.tenant_id) as tx:
                record_refused(tx, caller, subject, refusal, policy=terms.policy.version)
            raise

    def _remember(self, tx: Tx, way: Way, conversation_id: ConversationId) -> None:
        if way.is_screened:
            way.surrogates = find_surrogates(tx, self._sealer, conversation_id) or way.surrogates

    def _store_question(
        self, tx: Tx, caller: Caller, conversation_id: ConversationId, question: str, edits: UUID | None, way: Way,
        chatbot: Chatbot,
    ) -> Asked:  # fmt: skip
        row = own_row(tx, caller, conversation_id, is_locked=True)
        path = branch_to(tx, caller, conversation_id, edits or row.head_id, sealer=self._sealer)
        if edits and (not path or path.pop().role != "user"):
            raise MessageNotFound
        now = self._clock.now()
        if row.sealed_title is None and row.title in {"", UNTITLED}:
            answers.entitle(tx, self._sealer, row, " ".join(question.split())[:TITLE_LIMIT])
        parent_id = path[-1].message_id if path else None
        message = Message(new_id(), "user", question, None, now, parent_id=parent_id)
        answers.add(tx, self._sealer, row, message)
        row.updated_at, row.head_id = now, message.message_id
        self._record_asked(tx, caller, conversation_id, question)
        history, told = turns_of(path)
        self._remember(tx, way, conversation_id)
        index_model = knowledge.active_model(tx).name
        return Asked(message, chatbot, history, way, conversation_id, message.message_id, told, index_model)

    def _record_asked(self, tx: Tx, caller: Caller, subject: UUID, question: str) -> None:
        audit.record(tx, caller.actor, Event.QUESTION_ASKED, subject=subject, length=len(question))

    def _answer(self, caller: Caller, asked: Asked) -> Generator[Step, None, None]:
        asker = Asker.of(caller, chatbot_id=asked.chatbot.chatbot_id)
        material = self._retrieve(caller, asker, asked)
        contexts, way = material.contexts, asked.way
        request = self._sent(caller, asked, request_of(asked, material.found, contexts))
        written: list[str] = []
        citations: dict[int, Citation] = {}
        outcome: Outcome = "stopped"

        answering = Answering(asked, request)
        stream = self._stream(caller, asker, answering)
        try:
            for item in stream:
                match item:
                    case Delta(text):
                        yield from _said(way.shown(text), written)
                        way.check_answer()
                    case Cited() if item.number not in citations:
                        for citation in citations_of(way, item, contexts):
                            citations[citation.number] = citation
                            yield Cites(citation)
                    case Finish():
                        yield from _said(way.rest(), written)
                        way.check_answer()
                        outcome = item.outcome
        except GeneratorExit:
            written.append(way.rest())
            raise
        finally:
            _close(stream)
            message = self._finish(caller, answering, "".join(written), outcome, citations, material)
        if message is not None:
            yield Answered(message)

    def _stream(self, caller: Caller, asker: Asker, answering: Answering) -> Iterator[Item]:
        """Return the model's answer. Of a model elsewhere, only what the passages bear out; without any, it is not asked."""
        asked, request = answering.asked, answering.request

        def labels(tx: Tx, known: Collection[str]) -> list[str]:
            return [*asked.labels, *knowledge.labels_among(tx, collections_for(tx, caller, asked.chatbot), known)]

        model = asked.chatbot.model
        if not self.writes(asked.chatbot):
            return self._gateway.stream(asker, model, request, labels=labels)
        if not request.passages:
            return iter(nothing_found())
        stream = self._writer.stream(
            caller, asked.chatbot.chatbot_id, model, request, version=asked.way.policy_version, premises=asked.way.premises,
            labels=labels, counted_tokens=asked.counted_tokens,
        )  # fmt: skip
        return grounded(stream, answering.grounding)

    def _sent(self, caller: Caller, asked: Asked, request: ChatRequest) -> ChatRequest:
        """Return what may go to the model; what was done about it is on record before it goes."""
        if self.writes(asked.chatbot) and not asked.way.is_screened:  # which takes out what is stopped
            request = without_stopped(request)
        request = asked.way.sent(request)
        if counts := asked.way.counts:
            with self._db.tenant(caller.tenant_id) as tx:
                record_found(tx, caller, asked.question.message_id, asked.way, counts)
        return request

    def _retrieve(self, caller: Caller, asker: Asker, asked: Asked) -> Material:
        identity.require(caller, Permission.DOCUMENT_READ)
        query = query_of(asked)

        def look(tx: Tx, vector: QueryVector) -> Material:
            found = search(tx, caller, asked.chatbot, query, vector)
            contexts = knowledge.surroundings(tx, found.passages)
            audit.record(
                tx,
                caller.actor,
                Event.PASSAGES_RETRIEVED,
                subject=asked.question.message_id,
                passages=",".join(str(passage.chunk_id) for passage in found.passages),
            )
            told = {one.document_id for passage in found.passages for one in (passage, *passage.twins)}
            return Material(found, contexts, knowledge.collections_of(tx, told))

        return knowledge.ask_index(self._db, self._gateway, asker, query, look, model=asked.index_model)

    def _finish(
        self, caller: Caller, answering: Answering, body: str, outcome: Outcome, citations: dict[int, Citation],
        material: Material,
    ) -> Message | None:  # fmt: skip
        asked, untraced = answering.asked, answering.grounding.untraced
        body = body.replace("\0", "")
        if not body:
            return None
        with self._db.tenant(caller.tenant_id) as tx:
            known = knowledge.existing_passages(tx, [c.chunk_id for c in citations.values() if c.chunk_id])
            versions = knowledge.versions_in_force(tx, {c.document_id for c in citations.values() if c.document_id})
            # A document may be deleted, or get another version, while its answer is on its way.
            shown = tuple(
                replace(citation, version=versions.get(citation.document_id) if citation.document_id else None)
                for _, citation in sorted(citations.items())
                if citation.chunk_id in known
            )
            counts = asked.way.counts
            message = Message(
                new_id(), "assistant", body, outcome, self._clock.now(), shown, asked.question.message_id,
                replaced=counts.replaced, removed=counts.removed, warned=counts.warned, untraced=untraced,
                model=asked.chatbot.model,
            )  # fmt: skip
            is_kept = self._keep(tx, asked, message, self._used(asked, citations.values(), material))
            audit.record(
                tx, caller.actor, Event.QUESTION_ANSWERED, subject=asked.subject, result=outcome,
                citations=len(shown), kept=int(is_kept), replaced=counts.replaced, removed=counts.removed,
                model=asked.chatbot.model[:120], untraced=untraced,
            )  # fmt: skip
        return message if is_kept or asked.conversation_id is None else None

    def _used(
        self, asked: Asked, citations: Iterable[Citation], material: Material
    ) -> dict[DocumentId, CollectionId]:
        """Return what the answer may tell of: all that the model was given, or what a model cites that only quotes."""
        if not self._gateway.only_quotes(asked.chatbot.model):
            return dict(material.places)
        cited = {citation.document_id for citation in citations}
        return {document_id: place for document_id, place in material.places.items() if document_id in cited}

    def _keep(self, tx: Tx, asked: Asked, message: Message, used: Mapping[DocumentId, CollectionId]) -> bool:
        """Store the answer, unless nothing is to be kept or the conversation was deleted meanwhile."""
        if asked.conversation_id is None:
            return False
        row = tx.get(ConversationRow, (tx.tenant_id, asked.conversation_id), with_for_update=True)
        if row is None:
            return False
        answers.add(tx, self._sealer, row, message)
        keep_surrogates(tx, self._sealer, row.conversation_id, asked.way.surrogates)
        # A model that writes may say again what it is told that it said before.
        told = () if self._gateway.only_quotes(asked.chatbot.model) else asked.told
        add_sources(tx, message.message_id, used, told)
        if row.head_id == asked.head_id:  # Whoever has gone to another branch meanwhile is left there.
            row.head_id = message.message_id
        return True


def _answering(chatbot: Chatbot, *, by_quotes: bool) -> Chatbot:
    return replace(chatbot, model=QUOTES) if by_quotes else chatbot


def check_question(question: str) -> str:
    """Return a question as it is kept. Raises QuestionMissing."""
    question = cleaned(question)
    if not 0 < len(question) <= _QUESTION_LIMIT:
        raise QuestionMissing
    return question


def _said(text: str, written: list[str]) -> Iterator[Says]:
    if text:
        written.append(text)
        yield Says(text)


def _close(stream: Iterator[object]) -> None:
    if isinstance(stream, Generator):
        stream.close()
