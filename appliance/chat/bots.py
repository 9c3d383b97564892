"""Chatbots as the gate asks them: by their slug, for a program, with nothing kept."""

from collections.abc import Collection, Generator, Sequence

from sqlalchemy import select

from appliance import knowledge
from appliance.chat.chatbots import list_chatbots
from appliance.chat.errors import ChatbotNotFound
from appliance.chat.flow import Chat, Cites, Says
from appliance.chat.tables import ChatbotRow
from appliance.chat.terms import collections_for
from appliance.chat.values import Chatbot, ChatbotId
from appliance.gateway import Bot, Source, Turn
from appliance.identity import Caller
from appliance.kernel.db import Database, Tx


class ChatBots:
    """Those that a caller can talk to, as published; their answers rest on what that caller may read."""

    def __init__(self, db: Database, chat: Chat) -> None:
        self._db, self._chat = db, chat

    def find(self, caller: Caller) -> list[Bot]:
        """Return those that the caller can ask."""
        with self._db.tenant(caller.tenant_id) as tx:
            return [Bot(slug, one.name, one.model) for slug, one in _open(tx, caller).items()]

    def labels(self, caller: Caller, slug: str, known: Collection[str]) -> list[str]:
        """Return which of some data labels a chatbot has, by the documents that it answers somebody from."""
        with self._db.tenant(caller.tenant_id) as tx:
            found = _open(tx, caller).get(slug)
            return knowledge.labels_among(tx, collections_for(tx, caller, found), known) if found else []

    def ask(
        self, caller: Caller, slug: str, question: str, history: Sequence[Turn], labels: tuple[str, ...] = (), counted_tokens: int = 0
    ) -> Generator[str | Source, None, None]:
        """Return pieces of the answer, and the sources as they are cited. Raises ChatbotNotFound, QuestionMissing."""
        with self._db.tenant(caller.tenant_id) as tx:
            found = _open(tx, caller).get(slug)
        if found is None:
            raise ChatbotNotFound
        _, steps = self._chat.ask_unkept(caller, found.chatbot_id, question, history, labels=labels, counted_tokens=counted_tokens)
        return _pieces(steps)


def _pieces(steps: Generator[object, None, None]) -> Generator[str | Source, None, None]:
    try:
        for step in steps:
            match step:
                case Says(text):
                    yield text
                case Cites(one):
                    yield Source(one.number, one.document_id, one.title, one.heading, one.page_from, one.quote)
    finally:
        steps.close()


def _open(tx: Tx, caller: Caller) -> dict[str, Chatbot]:
    chatbots = {one.chatbot_id: one for one in list_chatbots(tx, caller)}
    rows = tx.execute(
        select(ChatbotRow.slug, ChatbotRow.chatbot_id)
        .where(ChatbotRow.tenant_id == tx.tenant_id, ChatbotRow.chatbot_id.in_(chatbots))
        .order_by(ChatbotRow.chatbot_id)
    )
    return {row[0]: chatbots[ChatbotId(row[1])] for row in rows}
