"""
Refusal
└── ModelNotAllowed   kind=blocked
"""

from appliance.kernel.errors import Kind, Refusal


class ModelNotAllowed(Refusal):
    """The model {model} may not be used: {rule}. Choose another, or ask an administrator to allow it under Models."""

    kind = Kind.BLOCKED
    code = "model_not_allowed"
