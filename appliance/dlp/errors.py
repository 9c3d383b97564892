"""
Refusal
└── DlpBlocked   kind=blocked
"""

from appliance.kernel.errors import Kind, Refusal


class DlpBlocked(Refusal):
    """This text holds something that must not be sent ({category}). Remove it and try again."""

    kind = Kind.BLOCKED
    code = "dlp_blocked"
