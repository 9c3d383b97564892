"""
Refusal
└── ModelMissing   kind=unavailable
"""  # noqa: D212, D200 - the tree is the docstring

from appliance.kernel.errors import Kind, Refusal


class ModelMissing(Refusal):
    """The local model's files are missing or altered. Ask the operator to run `make models`."""

    kind = Kind.UNAVAILABLE
    code = "model_missing"
