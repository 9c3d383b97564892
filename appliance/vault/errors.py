"""
Refusal
└── RootKeyUnusable   kind=unavailable
"""

from appliance.kernel.errors import Kind, Refusal


class RootKeyUnusable(Refusal):
    """The root key {path} is missing, too open (it must be 0400), or not 32 bytes. Restore it; it is never made anew."""

    kind = Kind.UNAVAILABLE
    code = "root_key_unusable"
