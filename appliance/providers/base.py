"""What a model is to the gateway."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
else:
    Vectors = Any  # who embeds nothing needs none of numpy's ten megabytes


class Purpose(StrEnum):
    """Whether a text is looked for or looked in; the two are embedded differently."""

    PASSAGE = "passage"
    QUERY = "query"


class Embedder(Protocol):
    """Turns texts into vectors."""

    name: str
    dimension: int

    def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Vectors:
        """Return an array of shape (len(texts), dimension), each row of length 1."""
        ...

    def ping(self) -> None:
        """Raise ModelMissing unless the model is installed."""
        ...


@dataclass(frozen=True)
class Passage:
    """A piece of a document that an answer may rest on; `number` is its citation."""

    number: int
    title: str
    text: str


@dataclass(frozen=True)
class Turn:
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class ChatRequest:
    """A question with the passages it may be answered from.

    `term_weights` maps a word of the question (`kernel.words.asked_terms`) to its inverse document frequency among
    the chunks that were searched; a model may ignore it.
    """

    question: str
    passages: tuple[Passage, ...]
    history: tuple[Turn, ...] = ()
    instructions: str = ""
    temperature: float = 0.0
    term_weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Delta:
    text: str


@dataclass(frozen=True)
class Cited:
    """The answer so far rests on characters start to end of this passage."""

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Finish:
    """The last item of every stream."""

    outcome: Literal["answered", "abstained"]
    prompt_tokens: int
    answer_tokens: int


Item = Delta | Cited | Finish


class ChatModel(Protocol):
    """Answers a question as a stream that ends with Finish.

    `only_quotes`: it can say nothing of a passage that it does not cite.
    """

    name: str
    is_local: bool
    only_quotes: bool

    def stream(self, request: ChatRequest) -> Iterator[Item]: ...
