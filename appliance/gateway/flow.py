"""The gate: a function of a request that returns vectors or streams an answer. Flask is one door to it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from appliance import dlp, policy
from appliance.audit import Actor, ActorKind
from appliance.gateway import ledger
from appliance.gateway.choices import ModelChoices, choices
from appliance.gateway.values import Asker, EmbeddingModel, LabelsOf, Model, QueryVector, State
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.providers.base import ChatModel, ChatRequest, Embedder, Finish, Item, Purpose, Vectors
from appliance.providers.errors import ModelMissing

_ANSWER_RESERVE = 500
_SIGNS_PER_TOKEN = 3


class Gateway:
    """Holds the catalogue of models, and lets nothing past that is not on record."""

    def __init__(
        self,
        db: Database,
        *,
        embedders: Sequence[Embedder],
        models: Mapping[str, ChatModel],
        clock: Clock,
    ) -> None:
        self._db, self._models, self._clock = db, models, clock
        self._embedders = {one.name: one for one in embedders}

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the chat models that may be chosen."""
        return tuple(self._models)

    def choices(self, tx: Tx) -> ModelChoices:
        """Return the models that may answer for chatbots of the transaction's organisation."""
        return choices(tx, self.models)

    @property
    def catalogue(self) -> tuple[Model, ...]:
        """The chat models that may be chosen, and whether what is asked of them leaves this host."""
        return tuple(Model(name, is_local=model.is_local) for name, model in self._models.items())

    @property
    def embedding_models(self) -> tuple[EmbeddingModel, ...]:
        """The models that an organisation's index may be of, and whether they are on this host."""
        return tuple(EmbeddingModel(one.name, one.dimension, _is_installed(one)) for one in self._embedders.values())

    @property
    def embedding_names(self) -> Collection[str]:
        """The names of the models that texts can be embedded with."""
        return self._embedders.keys()

    def is_local(self, model: str) -> bool:
        """Say whether a model is on this host; of one that nobody knows, it is not."""
        return model in self._models and self._models[model].is_local

    def only_quotes(self, model: str) -> bool:
        """Say whether a model can tell nothing of a passage that it does not cite."""
        return model in self._models and self._models[model].only_quotes

    def embed_passages(
        self, tenant_id: TenantId, texts: Sequence[str], *, model: str, is_charged: bool = True
    ) -> Vectors:
        """Return (len(texts), dimension) vectors of an organisation's own passages, by the model named.

        Uncharged, nothing is taken from the budget: for passages that were paid for before. Raises ModelMissing.
        """
        asker = Asker(tenant_id, Actor(ActorKind.SYSTEM))
        return self._embed(asker, self._embedder_of(model), texts, Purpose.PASSAGE, is_charged=is_charged)

    def embed_query(self, asker: Asker, text: str, *, model: str) -> QueryVector:
        """Return the vector of a question, shape (dimension,), by the model named. Raises ModelMissing."""
        embedder = self._embedder_of(model)
        self._refuse_findings(asker, embedder.name, text)
        return QueryVector(embedder.name, self._embed(asker, embedder, [text], Purpose.QUERY)[0])

    def embed(self, asker: Asker, texts: Sequence[str], *, model: str, purpose: Purpose) -> tuple[Vectors, int]:
        """Return the vectors of texts that were looked through already, and how many tokens they were counted as."""
        return self._embed(asker, self._embedder_of(model), texts, purpose), _tokens_of(texts)

    def stream(
        self, asker: Asker, model: str, request: ChatRequest, *, labels: LabelsOf = lambda _tx, _known: ()
    ) -> Iterator[Item]:
        """Yield the answer as it comes. Raises a Refusal before the first item, or nothing is sent.

        A reader that stops reading (closes the iterator) cancels the call, which is settled as cancelled.
        """
        tokens = _estimate(request) + _ANSWER_RESERVE
        self._refuse_findings(asker, model, request.question)
        chosen = self._models.get(model)
        call = policy.Call("chat", model, is_known=chosen is not None, is_local=bool(chosen and chosen.is_local))
        call_id = ledger.admit(self._db, asker, kind="chat", call=call, tokens=tokens, clock=self._clock, labels=labels)
        state: State = "cancelled"
        prompt_tokens, answer_tokens = 0, 0
        assert chosen is not None  # noqa: S101 - policy refuses what is not in the catalogue
        try:
            for item in chosen.stream(request):
                if isinstance(item, Finish):
                    prompt_tokens, answer_tokens, state = item.prompt_tokens, item.answer_tokens, "completed"
                yield item
        except GeneratorExit:
            raise
        except Exception:
            state = "failed"
            raise
        finally:
            ledger.settle(
                self._db, asker, call_id, state=state, clock=self._clock,
                prompt_tokens=prompt_tokens, answer_tokens=answer_tokens,
            )  # fmt: skip

    def _embedder_of(self, model: str) -> Embedder:
        if model not in self._embedders:  # chosen under a version that had it
            raise ModelMissing(model=model)
        return self._embedders[model]

    def _embed(
        self, asker: Asker, embedder: Embedder, texts: Sequence[str], purpose: Purpose, *, is_charged: bool = True
    ) -> Vectors:
        tokens = _tokens_of(texts) if is_charged else 0
        call = policy.Call("embedding", embedder.name, is_known=True, is_local=True)
        call_id = ledger.admit(self._db, asker, kind="embedding", call=call, tokens=tokens, clock=self._clock)
        state: State = "failed"
        try:
            vectors = embedder.embed(texts, purpose=purpose)
            state = "completed"
        finally:
            used = tokens if state == "completed" else 0
            ledger.settle(self._db, asker, call_id, state=state, prompt_tokens=used, answer_tokens=0, clock=self._clock)
        return vectors

    def _refuse_findings(self, asker: Asker, model: str, text: str) -> None:
        findings = dlp.stopped(text)
        if findings:
            refusal = dlp.DlpBlocked(category=findings[0].category.value)
            ledger.record_refusal(self._db, asker, refusal, model=model)
            raise refusal


def _is_installed(embedder: Embedder) -> bool:
    try:
        embedder.ping()
    except ModelMissing:
        return False
    return True


def _tokens_of(texts: Sequence[str]) -> int:
    return sum(len(text) for text in texts) // _SIGNS_PER_TOKEN + 1


def _estimate(request: ChatRequest) -> int:
    signs = len(request.question) + sum(len(passage.text) for passage in request.passages)
    return signs // _SIGNS_PER_TOKEN + 1
