"""
Refusal
└── ModelMissing   kind=unavailable
"""

from appliance.kernel.errors import Kind, Refusal


class ModelMissing(Refusal):
    """The local model's files are missing or altered. Ask the operator to run `make models`."""

    kind = Kind.UNAVAILABLE
    code = "model_missing"
