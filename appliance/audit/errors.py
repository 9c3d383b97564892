"""
Refusal
└── HeadBroken     kind=broken
"""

from appliance.kernel.errors import Kind, Refusal


class HeadBroken(Refusal):
    """The end of an organisation's audit log is not what was signed last. Nothing is sealed on it; tell the operator at once."""

    kind = Kind.BROKEN
    code = "log_broken"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
