"""Members with roles that nobody can be invited with: an organisation's own ones, and operators who were let in."""

from collections.abc import Iterable
from uuid import UUID

import pyotp

from appliance import identity
from appliance.identity import Permission, Role
from appliance.identity.custom_roles import CustomRole, RoleForm, create_role
from appliance.identity.factors import begin_totp, confirm_totp, list_factors
from appliance.identity.sessions import caller_of
from appliance.identity.support import SupportForm, SupportGrant, SupportLevel, grant_support
from tests.support.house import Member
from tests.support.site import Browser

FEW = frozenset({Permission.AUDIT_READ, Permission.DOCUMENT_READ, Permission.JOB_READ, Permission.TOKEN_CREATE})


def makes_role(owner: Member, name: str, permissions: Iterable[Permission]) -> CustomRole:
    """Let somebody make a role of the organisation's own."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        return create_role(tx, owner.caller, RoleForm(name, "", frozenset(permissions)), clock=owner.house.clock)


def with_role(owner: Member, email: str, role: CustomRole) -> Member:
    """Add a colleague who has it."""
    added = owner.adds(email, Role.MEMBER)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        identity.change_role(tx, owner.caller, added.caller.user_id, role=Role.CUSTOM, custom_role_id=role.role_id)
    return again(added)


def again(member: Member) -> Member:
    """Return a member as they are now."""
    with member.services.db.tenant(member.tenant_id) as tx:
        return Member(member.house, caller_of(tx, member.caller.user_id))


def lets_in(owner: Member, operator: Member, level: SupportLevel = SupportLevel.READ, hours: int = 4) -> SupportGrant:
    """Let an operator into an organisation."""
    form = SupportForm(operator.caller.email, level, hours, "Uploads fail")
    with owner.services.db.tenant(owner.tenant_id) as tx:
        return grant_support(tx, owner.caller, form, clock=owner.house.clock)


def inside(owner: Member, operator: Member) -> Member:
    """Return an operator who was let in, as a member of that organisation."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        return Member(owner.house, caller_of(tx, operator.caller.user_id))


def enters(browser: Browser, owner: Member) -> int:
    """Go to an organisation from the account page."""
    return browser.posts(f"/account/places/{owner.tenant_id}").status_code


def has_factor(member: Member) -> str:
    """Give somebody an authenticator app; return its secret."""
    house, sealer = member.house, member.services.vault.platform
    with member.services.db.tenant(member.tenant_id) as tx:
        new = begin_totp(tx, member.caller, label="phone", sealer=sealer, clock=house.clock)
        code = pyotp.TOTP(new.secret).at(int(house.clock.now().timestamp()))
        confirm_totp(tx, member.caller, new.factor_id, code, sealer=sealer, clock=house.clock)
    house.clock.passes(minutes=1)  # its code was used
    return new.secret


def shown_by(member: Member) -> UUID:
    """Return the one factor that somebody has, for what takes the one that was shown."""
    with member.services.db.tenant(member.tenant_id) as tx:
        (factor,) = list_factors(tx, member.caller.user_id)
    return factor.factor_id
