"""
Refusal
├── RootKeyForeign    kind=unavailable
├── RootKeyUnusable   kind=unavailable
├── RootSpecInvalid   kind=invalid
└── SchemaOutdated    kind=unavailable

From `kernel.sealing`: IntegrityError (an alarm), KeyDestroyed (for ever, on purpose), KeyUnavailable (try again).
"""

from appliance.kernel.errors import Kind, Refusal


class RootKeyForeign(Refusal):
    """The database's files are sealed with another root key than {path}. Put the root.key of its backup there."""

    kind = Kind.UNAVAILABLE
    code = "root_key_foreign"


class RootKeyUnusable(Refusal):
    """The root key {path} is missing, too open (it must be 0400), or not 32 bytes. Restore it; it is never made anew."""

    kind = Kind.UNAVAILABLE
    code = "root_key_unusable"


class RootSpecInvalid(Refusal):
    """{spec} names no root key: {reason}. deploy/docs/keys.md has an example of each kind."""

    kind = Kind.INVALID
    code = "root_spec_invalid"


class SchemaOutdated(Refusal):
    """The database has not been brought to this version. Run `appliance migrate` first."""

    kind = Kind.UNAVAILABLE
    code = "schema_outdated"
