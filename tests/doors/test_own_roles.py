"""An organisation's own roles: what they grant, to whom they may be given, and that nobody becomes more by one."""

from collections.abc import Callable, Iterable

import pytest
from flask import Flask

from appliance import identity
from appliance.evidence.access_reviews import ReviewForm
from appliance.identity import Forbidden, Permission, Role
from appliance.identity.access import list_access, others_may
from appliance.identity.custom_roles import RoleForm, change_role_form, completed, create_role, delete_role, list_roles
from appliance.identity.entry_errors import CustomRoleInUse, CustomRoleMalformed, CustomRoleTaken
from appliance.identity.errors import RoleMisplaced
from appliance.identity.factors import remove_factors_of
from appliance.identity.invitations import InvitationForm
from appliance.identity.permissions import GIVABLE, held
from appliance.identity.tokens import TokenForm
from appliance.identity.values import Scope
from appliance.kernel.db import Tx
from appliance.tenancy import Review
from tests.doors.test_authorisation_pages import PERMISSIONS, Visitor, has_ids
from tests.support.furnish import lets_review
from tests.support.house import House, Member
from tests.support.policies import drafts
from tests.support.program import Program
from tests.support.roles import again, makes_role, with_role
from tests.support.site import Browser

P = Permission
HELPDESK = (P.PEOPLE_READ, P.PEOPLE_CHANGE, P.PASSWORD_RESET, P.ROLE_CHANGE)
Try = Callable[[Tx], object]


def does(member: Member, act: Try) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        act(tx)


def rewrites(owner: Member, role_id: object, permissions: Iterable[Permission]) -> None:
    form = RoleForm("Own", "", frozenset(permissions))
    does(owner, lambda tx: change_role_form(tx, owner.caller, role_id, form, clock=owner.house.clock))  # type: ignore[arg-type]


def test_a_role_made_at_a_page_opens_what_it_grants_and_no_more(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    at_eve = Browser(site)
    at_eve.signs_in(eve)
    made = at_ada.posts("/roles", name="Archive", description="keeps documents", permissions="document:add")
    role_id = made.headers["Location"].split("/")[2].split("?")[0]
    assert "keeps documents" in at_ada.gets("/roles").text

    assert at_ada.posts(f"/people/{eve.caller.user_id}/role", role=role_id).status_code == 303
    assert at_eve.gets("/documents").status_code == 200  # reading came along with adding
    assert at_eve.gets("/chat").status_code == 403
    assert at_eve.gets("/").headers["Location"] == "/documents"
    assert "Archive" in at_ada.gets("/people").text
    assert "Archive" in at_eve.gets("/account").text

    at_ada.posts(f"/roles/{role_id}", name="Archive", description="", permissions="chat")
    assert at_eve.gets("/chat").status_code == 200
    assert at_eve.posts("/groups", name="x").status_code == 403


def test_the_editor_explains_each_permission(at_ada: Browser) -> None:
    page = at_ada.gets("/roles").text
    for one in GIVABLE:
        assert f'value="{one}"' in page, one
        assert f"> {one} <small>" not in page, f"say what {one} is, in templates/roles/_permissions.html"
    assert f'value="{P.SIGN_ON_CHANGE}"' not in page


def test_each_permission_alone_opens_its_pages(site: Flask, house: House, ada: Member) -> None:
    """What a role of one permission, with those that come along, is shown: no page that then refuses."""
    role = makes_role(ada, "Own", [P.CHAT])
    visitor = Visitor(site, with_role(ada, "eve@harrow.example", role))
    house.seals()
    lets_review(ada, Review.TWO_PERSON)
    drafts(ada)
    shut = []
    for permission in sorted(GIVABLE):
        rewrites(ada, role.role_id, [permission])
        for page, guard in PERMISSIONS.items():
            is_its = guard is permission and page.startswith("GET") and not has_ids(site, page)
            if is_its and visitor.goes(page).status_code != 200:
                shut.append((permission, page))
    assert shut == []


def test_its_tokens_are_bound_by_it(site: Flask, ada: Member) -> None:
    role = makes_role(ada, "Own", [P.DOCUMENT_READ, P.JOB_READ, P.TOKEN_CREATE])
    eve = with_role(ada, "eve@harrow.example", role)
    with pytest.raises(identity.errors.ScopesBeyond):
        Program(site, eve, [Scope.CHATBOTS_WRITE, Scope.PEOPLE_READ])
    program = Program(site, eve)
    assert program.gets("/jobs").status_code == 200
    assert program.gets("/people").status_code == 403
    rewrites(ada, role.role_id, [P.DOCUMENT_READ, P.TOKEN_CREATE])
    assert program.gets("/jobs").status_code == 403
    assert program.gets("/me").get_json()["role_title"] == "Own"


def test_nobody_becomes_more_by_a_role_of_their_own_making(house: House, ada: Member) -> None:
    helpdesk = makes_role(ada, "Helpdesk", HELPDESK)
    eve = with_role(ada, "eve@harrow.example", helpdesk)
    admin, member = ada.adds("adam@harrow.example", Role.ADMIN), ada.adds("mia@harrow.example", Role.MEMBER)
    wide, clock = makes_role(ada, "Wide", [P.SETTINGS_CHANGE]), house.clock
    me, mia = eve.caller, member.caller.user_id
    beyond: list[Try] = [
        lambda tx: create_role(tx, me, RoleForm("More", "", frozenset({P.KEY_ROTATE})), clock=clock),
        lambda tx: change_role_form(tx, me, helpdesk.role_id, RoleForm("H", "", frozenset({P.CHAT})), clock=clock),
        lambda tx: change_role_form(tx, me, wide.role_id, RoleForm("W", "", frozenset({P.PEOPLE_READ})), clock=clock),
        lambda tx: delete_role(tx, me, wide.role_id),
        lambda tx: identity.change_role(tx, me, me.user_id, role=Role.ADMIN),
        lambda tx: identity.change_role(tx, me, me.user_id, role=Role.CUSTOM, custom_role_id=wide.role_id),
        lambda tx: identity.change_role(tx, me, mia, role=Role.CUSTOM, custom_role_id=wide.role_id),
        lambda tx: identity.change_role(tx, me, admin.caller.user_id, role=Role.CUSTOM, custom_role_id=helpdesk.role_id),
        lambda tx: identity.create_password_reset(tx, me, admin.caller.user_id, clock=clock),
        lambda tx: identity.create_password_reset(tx, me, mia, clock=clock),  # a member asks; who helps does not
        lambda tx: remove_factors_of(tx, me, admin.caller.user_id),
        lambda tx: identity.remove_member(tx, me, ada.caller.user_id, clock=clock),
        lambda tx: identity.invite(
            tx, me, identity.invitations.InvitationForm("x@harrow.example", Role.ADMIN), clock=clock
        ),
    ]
    for number, act in enumerate(beyond):
        with pytest.raises(Forbidden):
            does(eve, act)
        assert held(again(eve).caller) == frozenset(HELPDESK), number
    for withheld in (P.KEY_DESTROY, P.BREAK_GLASS_CHANGE, P.SUPPORT_GRANT, P.SIGN_ON_CHANGE, P.PLATFORM_CHANGE):
        with pytest.raises(CustomRoleMalformed):
            makes_role(ada, "Owners", [withheld])


def test_what_is_stored_never_grants_what_owners_alone_may(house: House, ada: Member) -> None:
    role = makes_role(ada, "Own", [P.CHAT])
    eve = with_role(ada, "eve@harrow.example", role)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.custom_roles SET permissions = '{key:destroy,platform:change,chat,nonsense}'")
    assert held(again(eve).caller) == {P.CHAT}


def test_a_role_is_one_organisations_own(ada: Member, bo: Member) -> None:
    role = makes_role(ada, "Own", [P.CHAT])
    with bo.services.db.tenant(bo.tenant_id) as tx:
        assert list_roles(tx, bo.caller) == []
    with pytest.raises(identity.entry_errors.CustomRoleNotFound):
        does(bo, lambda tx: identity.change_role(
            tx, bo.caller, bo.caller.user_id, role=Role.CUSTOM, custom_role_id=role.role_id))  # fmt: skip
    with pytest.raises(RoleMisplaced):
        does(ada, lambda tx: identity.change_role(tx, ada.caller, ada.caller.user_id, role=Role.SUPPORT_ADMIN))


def test_names_are_taken_once_and_a_role_in_use_stays(ada: Member) -> None:
    role = makes_role(ada, "Own", [P.CHAT])
    for name in ("own", "Admin"):
        with pytest.raises((CustomRoleTaken, CustomRoleMalformed)):
            makes_role(ada, name, [P.CHAT])
    with_role(ada, "eve@harrow.example", role)
    with pytest.raises(CustomRoleInUse):
        does(ada, lambda tx: delete_role(tx, ada.caller, role.role_id))


def test_it_counts_where_the_house_asks_who_may(house: House, ada: Member) -> None:
    eve = with_role(ada, "eve@harrow.example", makes_role(ada, "Buyers", [P.PROVIDER_CHANGE, P.PEOPLE_CHANGE]))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        mailed = {one.email for one in identity.list_addressees(tx, P.PROVIDER_CHANGE)}
        assert mailed == {"ada@harrow.example", "eve@harrow.example"}
        assert {one.email for one in identity.list_addressees(tx, P.KEY_DESTROY)} == {"ada@harrow.example"}
        assert others_may(tx, ada.caller.user_id, P.PEOPLE_CHANGE)
        assert not others_may(tx, ada.caller.user_id, P.AUDIT_STREAM)
        access = {one.email: one for one in list_access(tx, now=house.clock.now())}
        assert access["eve@harrow.example"].role_name == "Buyers"
        assert access["eve@harrow.example"].permissions == held(eve.caller)
        review = identity_review(tx, ada)
    assert "provider:change" in review


def identity_review(tx: Tx, ada: Member) -> str:
    from datetime import timedelta

    from appliance import evidence

    form = ReviewForm("Now", ada.house.clock.now() + timedelta(days=3))
    made = evidence.start_review(tx, ada.caller, form, clock=ada.house.clock)
    return " ".join(str(one.facts) for one in evidence.list_review_items(tx, ada.caller, made.review_id, limit=9))


def test_a_programs_tokens_end_where_whoever_made_them_may_do_less(house: House, ada: Member) -> None:
    maker = with_role(ada, "eve@harrow.example", makes_role(ada, "Makers", [P.SERVICE_ACCOUNT_CHANGE, P.DOCUMENT_READ]))
    reads = makes_role(ada, "Reads", [P.DOCUMENT_READ])
    with ada.services.db.tenant(ada.tenant_id) as tx:
        account = identity.create_service_account(tx, ada.caller, name="robot", role=Role.MEMBER, clock=house.clock)
        identity.change_role(tx, ada.caller, account, role=Role.CUSTOM, custom_role_id=reads.role_id)
        form = TokenForm("t", frozenset({Scope.DOCUMENTS_WRITE}), 5, account)
        issued = identity.create_token(tx, maker.caller, form, clock=house.clock)
        identity.change_role(tx, ada.caller, account, role=Role.ADMIN)
        ended = [one.revoked_at for one in identity.list_tokens(tx, ada.caller) if one.token_id == issued.token.token_id]
    assert ended != [None]


def test_before_and_after_are_in_the_log(house: House, ada: Member, at_ada: Browser) -> None:
    role = makes_role(ada, "Own", [P.CHAT])
    rewrites(ada, role.role_id, [P.JOB_READ])
    with house.server.connect("boot", house.database) as boot:
        query = "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' FROM cloister.audit_inbox WHERE event = 'identity:custom_role:changed'"
        ((facts,),) = boot.execute(query).fetchall()
    assert facts == {"before": " ".join(sorted(completed([P.CHAT]))), "permissions": "job:read"}


def test_a_role_that_is_narrowed_takes_back_what_its_holders_offered(ada: Member) -> None:
    """As another role does: who may do less than yesterday would else come in again by a link of yesterday's."""
    auditor = makes_role(ada, "Looks", [P.AUDIT_READ])
    role = makes_role(ada, "Own", [P.PEOPLE_CHANGE, P.AUDIT_READ])
    eve = with_role(ada, "eve@harrow.example", role)
    form = InvitationForm("sock@harrow.example", Role.CUSTOM, custom_role_id=auditor.role_id)
    does(eve, lambda tx: identity.invite(tx, eve.caller, form, clock=ada.house.clock))
    rewrites(ada, role.role_id, [P.PEOPLE_CHANGE, P.AUDIT_READ, P.JOB_READ])
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert len(identity.list_invitations(tx, ada.caller, clock=ada.house.clock)) == 1
    rewrites(ada, role.role_id, [P.PEOPLE_CHANGE])
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert identity.list_invitations(tx, ada.caller, clock=ada.house.clock) == []
