"""Embeddings at Amazon Bedrock and at Google Vertex, as OpenAI's clients ask for them.

Titan and Cohere by Bedrock's InvokeModel
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, …/model-parameters-embed.html), Google's
by Vertex's predict (https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api). `input_type` is
query for what is looked for, as it is for the models of this host; without it, the texts are what is looked in.
"""

import math
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from appliance.gateway.dialects import AnswerUnreadable, Untranslatable, write_json
from appliance.vault.providing import ProviderKind

_TITAN: Final = re.compile(r"(?:[a-z-]+\.)?amazon\.titan-embed-text-.+")
_COHERE: Final = re.compile(r"(?:[a-z-]+\.)?cohere\.embed-.+")
_GOOGLE: Final = re.compile(r"(?:google/)?((?:text-embedding|text-multilingual-embedding|gemini-embedding)-.+)")
_KNOWN: Final = frozenset({"model", "input", "encoding_format", "dimensions", "input_type", "user"})
_IS_QUERY: Final = {None: False, "passage": False, "query": True}
_COUNTED: Final = "x-amzn-bedrock-input-token-count"
_MOST_TOKENS: Final = 10**9
_MOST_DIMENSIONS: Final = 10_000
Header = Callable[[str], str | None]


class Family(StrEnum):
    """Whose form a model's requests and answers have."""

    TITAN = "titan"
    COHERE = "cohere"
    GOOGLE = "google"


@dataclass(frozen=True)
class Vectors:
    """An answer as OpenAI's clients read it, and how many tokens were read, if the cloud said so."""

    body: dict[str, Any]
    tokens: int | None


@dataclass(frozen=True)
class EmbeddingRequest:
    """Where a cloud is asked, and what."""

    path: str
    body: bytes


def family_of(kind: ProviderKind, model: str) -> Family | None:
    """Return whose form a cloud's model has, or None for one that embeds nothing, as far as its name says."""
    if kind is ProviderKind.VERTEX:
        return Family.GOOGLE if _GOOGLE.fullmatch(model) else None
    if kind is ProviderKind.BEDROCK:
        return Family.TITAN if _TITAN.fullmatch(model) else Family.COHERE if _COHERE.fullmatch(model) else None
    return None


def embedding_request(family: Family, model: str, asked: Mapping[str, Any]) -> EmbeddingRequest:
    """Return the request in the cloud's form. Raises Untranslatable, naming the field."""
    if unknown := sorted(set(asked) - _KNOWN):
        raise Untranslatable(unknown[0], "the gateway does not know this field")
    texts, size, is_query = _texts(asked.get("input")), _dimensions(asked.get("dimensions")), _is_query(asked)
    if asked.get("encoding_format") not in {None, "float", "base64"}:
        raise Untranslatable("encoding_format", "it must be float or base64")
    match family:
        case Family.TITAN:
            if len(texts) > 1:
                raise Untranslatable("input", "Titan takes one text a call")
            body: dict[str, Any] = {"inputText": texts[0]} | ({"dimensions": size} if size else {})
        case Family.COHERE:
            body = {"texts": texts, "input_type": "search_query" if is_query else "search_document", "embedding_types": ["float"]}
            body |= {"output_dimension": size} if size else {}
        case Family.GOOGLE:
            task = "RETRIEVAL_QUERY" if is_query else "RETRIEVAL_DOCUMENT"
            body = {
                "instances": [{"content": text, "task_type": task} for text in texts],
                # What is too long is refused: a vector of its beginning would be told as that of the whole.
                "parameters": {"autoTruncate": False} | ({"outputDimensionality": size} if size else {}),
            }
    return EmbeddingRequest(_path(family, model), write_json(body))


def embeddings_told(family: Family, model: str, asked: Mapping[str, Any], body: Mapping[str, Any], header: Header) -> Vectors:
    """Return a cloud's answer as OpenAI's clients read it. Raises AnswerUnreadable."""
    try:
        found, tokens = _READERS[family](body, header)
        told = [_vector(one, is_packed=asked.get("encoding_format") == "base64") for one in found]
    except (KeyError, TypeError, IndexError, AttributeError, struct.error, OverflowError) as error:
        raise AnswerUnreadable("it holds no vectors") from error
    if len(told) != len(_texts(asked.get("input"))):
        raise AnswerUnreadable("it holds not as many vectors as texts were asked")
    data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(told)]
    usage = {"prompt_tokens": tokens or 0, "total_tokens": tokens or 0}
    return Vectors({"object": "list", "data": data, "model": model, "usage": usage}, tokens)


def _path(family: Family, model: str) -> str:
    if family is Family.GOOGLE:
        return f"/publishers/google/models/{quote(model.removeprefix('google/'), safe='@')}:predict"
    return f"/model/{quote(model, safe='')}/invoke"


def _texts(given: object) -> list[str]:
    found: list[Any] = given if isinstance(given, list) else [given]
    texts = [one for one in found if isinstance(one, str) and one]
    if not texts or len(texts) != len(found):
        raise Untranslatable("input", "it must be a text, or a list of texts")
    return texts


def _dimensions(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= _MOST_DIMENSIONS:
        raise Untranslatable("dimensions", "it must be a whole number from 1")
    return given


def _is_query(asked: Mapping[str, Any]) -> bool:
    given = asked.get("input_type")
    if not (given is None or isinstance(given, str)) or given not in _IS_QUERY:
        raise Untranslatable("input_type", "it must be passage or query")
    return _IS_QUERY[given]


def _of_titan(body: Mapping[str, Any], _header: Header) -> tuple[Sequence[Any], int | None]:
    return [body["embedding"]], _count(body.get("inputTextTokenCount"))


def _of_cohere(body: Mapping[str, Any], header: Header) -> tuple[Sequence[Any], int | None]:
    found, said = body["embeddings"], header(_COUNTED) or ""
    vectors: Sequence[Any] = found["float"] if isinstance(found, Mapping) else found
    return vectors, _count(int(said) if said.isascii() and said.isdigit() and len(said) < len(str(_MOST_TOKENS)) else None)


def _of_google(body: Mapping[str, Any], _header: Header) -> tuple[Sequence[Any], int | None]:
    found = [one["embeddings"] for one in body["predictions"]]
    counts = [_count(one.get("statistics", {}).get("token_count")) for one in found]
    known = [one for one in counts if one is not None]
    return [one["values"] for one in found], sum(known) if known and len(known) == len(counts) else None


_READERS: Final = {Family.TITAN: _of_titan, Family.COHERE: _of_cohere, Family.GOOGLE: _of_google}


def _count(value: object) -> int | None:
    """Return a number of tokens; Google tells it as a number with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_TOKENS:
        return None
    return math.ceil(value)


def _vector(given: Any, *, is_packed: bool) -> Any:
    if not isinstance(given, list) or not given or not all(type(one) in {int, float} for one in given):
        raise TypeError
    return b64encode(struct.pack(f"<{len(given)}f", *given)).decode() if is_packed else given
