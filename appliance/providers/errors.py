"""
Refusal
└── ModelMissing   kind=unavailable
"""

from appliance.kernel.errors import Kind, Refusal


class ModelMissing(Refusal):
    """The files of the local model {model} are missing or altered. Ask the operator to run `appliance models build {model}` or `make models MODELS={model}`."""

    kind = Kind.UNAVAILABLE
    code = "model_missing"
