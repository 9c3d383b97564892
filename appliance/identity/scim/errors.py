"""
Refusal
├── ProvisioningOff             kind=forbidden
├── ProvisioningTokenNotFound   kind=not_found
├── ProvisioningTokensTaken     kind=conflict
├── SubjectsClash               kind=conflict
└── Invalid
    └── ProvisioningTokenMalformed

What a provider's program is refused in SCIM's own words are the exceptions of scim2_models; `protocol` turns both into them.
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class ProvisioningOff(Refusal):
    """Provisioning is off for this connection. Switch it on under Provisioning."""

    kind = Kind.FORBIDDEN
    code = "provisioning_off"


class ProvisioningTokenNotFound(Refusal):
    """This connection has no such token. Look under Provisioning."""

    kind = Kind.NOT_FOUND
    code = "provisioning_token_not_found"


class ProvisioningTokensTaken(Refusal):
    """This connection has two tokens that work. Revoke the one that your provider uses no more, then make another."""

    kind = Kind.CONFLICT
    code = "provisioning_tokens_taken"


class SubjectsClash(Refusal):
    """By that attribute two people would be one. Choose another one, or correct it at your provider."""

    kind = Kind.CONFLICT
    code = "subjects_clash"


class ProvisioningTokenMalformed(Invalid):
    """Say for how many days the token works: 1 to 730."""

    code = "provisioning_token_malformed"
