"""
Refusal
├── BreakGlassFull        kind=conflict
├── BreakGlassKept        kind=conflict
├── BreakGlassUnfit       kind=conflict
├── CustomRoleInUse       kind=conflict
├── CustomRoleNotFound    kind=not_found
├── CustomRoleTaken       kind=conflict
├── FactorNeeded          kind=forbidden
├── GrantNotFound         kind=not_found
├── SessionMisplaced      kind=forbidden
└── Invalid
    ├── CustomRoleMalformed
    ├── NetworksLockOut
    ├── NetworksMalformed
    ├── OperatorNotFound
    ├── PolicyBeyond
    └── SupportMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class BreakGlassFull(Refusal):
    """An organisation has at most {most} break-glass accounts. Withdraw one first."""

    kind = Kind.CONFLICT
    code = "break_glass_full"


class BreakGlassKept(Refusal):
    """This is a break-glass account: no identity provider and no provisioning changes it. An owner can withdraw it under People."""

    kind = Kind.CONFLICT
    code = "break_glass_kept"


class BreakGlassUnfit(Refusal):
    """A break-glass account is an owner's who signs in with a password and with an authenticator app or a passkey that was added in this organisation, and whom no identity provider knows here."""

    kind = Kind.CONFLICT
    code = "break_glass_unfit"


class CustomRoleInUse(Refusal):
    """Somebody has this role, was invited to it, or gets it by a mapping. Give them another one first; those who were removed count too."""

    kind = Kind.CONFLICT
    code = "custom_role_in_use"


class CustomRoleNotFound(Refusal):
    """Your organisation has no such role. Look under Roles."""

    kind = Kind.NOT_FOUND
    code = "custom_role_not_found"


class CustomRoleTaken(Refusal):
    """There is a role of that name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "custom_role_taken"


class CustomRoleMalformed(Invalid):
    """A role of your own needs a name of 1 to 60 characters, other than those of the roles there are, a description of at most 500, and at least one permission of those listed."""

    code = "custom_role_malformed"


class FactorNeeded(Refusal):
    """Your organisation asks for a second factor. Add an authenticator app or a passkey under your account; then everything is open to you again."""

    kind = Kind.FORBIDDEN
    code = "factor_needed"


class GrantNotFound(Refusal):
    """There is no such grant of support that is in force."""

    kind = Kind.NOT_FOUND
    code = "grant_not_found"


class NetworksLockOut(Invalid):
    """You are at {address}, which is in none of these networks: you would lock yourself out. Add it, or do this at the console."""

    code = "networks_lock_out"


class NetworksMalformed(Invalid):
    """{entry} is no network. Write one a line, such as 10.1.0.0/16, 192.0.2.7 or 2001:db8::/32; at most 100."""

    code = "networks_malformed"


class OperatorNotFound(Invalid):
    """That is not the address of an operator of this platform, or they belong to your organisation already. Ask your operator under which address they sign in."""

    code = "operator_not_found"


class PolicyBeyond(Invalid):
    """That is more than this host allows, or less than makes sense: a session may rest for 1 to {idle} minutes and last for 5 to {lifetime}, a proof 1 to 60; a person may have 1 to 100 sessions at a time."""

    code = "policy_beyond"


class SessionMisplaced(Refusal):
    """Your organisation may not be entered from where you are. Go on from one of its networks."""

    kind = Kind.FORBIDDEN
    code = "session_misplaced"


class SupportMalformed(Invalid):
    """Say in 1 to 500 characters what support is asked for, and for how long: 1 to 72 hours."""

    code = "support_malformed"
