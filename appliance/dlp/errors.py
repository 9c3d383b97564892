"""
Refusal
└── DlpBlocked   kind=blocked
"""  # noqa: D212, D200 - the tree is the docstring

from appliance.kernel.errors import Kind, Refusal


class DlpBlocked(Refusal):
    """This text holds something that must not be sent ({category}). Remove it and try again."""

    kind = Kind.BLOCKED
    code = "dlp_blocked"
