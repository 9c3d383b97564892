"""
Refusal
└── ModelNotAllowed   kind=blocked
"""

from appliance.kernel.errors import Kind, Refusal


class ModelNotAllowed(Refusal):
    """The model {model} may not be used: {rule}. Choose another under Chatbots."""

    kind = Kind.BLOCKED
    code = "model_not_allowed"
