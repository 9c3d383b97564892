"""Vectors of the models on this host, as OpenAI's clients ask for them."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from appliance.gateway.answering import JSON, Answering
from appliance.gateway.dialects.sse import write_json
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.flow import Gateway
from appliance.gateway.values import Asker
from appliance.identity import Caller
from appliance.kernel.computing import Aside
from appliance.providers.base import Purpose, Vectors

_MOST_TEXTS: Final = 2_048
_MOST_SIGNS: Final = 2_000_000
_KNOWN: Final = {"model", "input", "encoding_format", "dimensions", "input_type", "user"}
_PURPOSES: Final = {None: Purpose.PASSAGE, "passage": Purpose.PASSAGE, "query": Purpose.QUERY}


def embedded(gateway: Gateway, caller: Caller, name: str, body: Mapping[str, Any], *, aside: Aside) -> Answering:
    """Return the vectors of the input, by a model of this host. Raises RequestMalformed, a Refusal.

    `input_type` may be "query" for what is looked for; without it, the texts are what is looked in.
    """
    texts = _texts(body)
    purpose = _PURPOSES.get(body.get("input_type"))
    if purpose is None:
        raise RequestMalformed(reason="`input_type` is passage or query")
    if unknown := sorted(set(body) - _KNOWN):
        raise RequestMalformed(reason=f"models of this host know no `{unknown[0][:40]}` here")
    dimension = next(one.dimension for one in gateway.embedding_models if one.name == name)
    if body.get("dimensions") not in {None, dimension}:
        raise RequestMalformed(reason=f"this model's vectors have {dimension} dimensions and no other number")
    encoding = body.get("encoding_format", "float")
    if encoding not in {"float", "base64"}:
        raise RequestMalformed(reason="`encoding_format` is float or base64")
    vectors, tokens = gateway.embed(Asker.of(caller), texts, model=name, purpose=purpose)
    told = aside(lambda: write_json(_answer(name, vectors, tokens, is_packed=encoding == "base64")))
    return Answering(200, told, {"Content-Type": JSON})


def _texts(body: Mapping[str, Any]) -> list[str]:
    given = body.get("input")
    found: list[Any] = given if isinstance(given, list) else [given]
    texts = [one for one in found if isinstance(one, str) and one]
    if len(texts) != len(found) or not 0 < len(texts) <= _MOST_TEXTS or sum(map(len, texts)) > _MOST_SIGNS:
        reason = f"`input` is a text, or a list of up to {_MOST_TEXTS} of them, of {_MOST_SIGNS} signs in all"
        raise RequestMalformed(reason=reason)
    return texts


def _answer(name: str, vectors: Vectors, tokens: int, *, is_packed: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if is_packed
                else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ],
        "model": name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
