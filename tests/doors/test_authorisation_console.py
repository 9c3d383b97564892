"""The authorisation matrix at the console: each command, for each role that --as can name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from appliance import identity
from appliance.api.framework import OPERATIONS, Operation
from appliance.assembly import Services, assemble
from appliance.cli import use
from appliance.cli.contents import GROUPS
from appliance.cli.verbs import command_name
from appliance.identity import Forbidden, NotSignedIn, Role
from appliance.identity.errors import OrganisationSuspended, PersonNotFound
from appliance.identity.operators import set_suspended
from appliance.identity.permissions import GRANTS, Permission, held
from appliance.identity.values import SUPPORT_ROLES
from appliance.tenancy import Review
from tests.doors.conftest import Console
from tests.doors.test_authorisation import NOBODY, body_of, harmless, member_as
from tests.support.furnish import lets_review
from tests.support.house import House, Member
from tests.support.roles import lets_in

# An admin's permissions are the owner's, as said below; who was let in for support acts at a browser.
ROLES = [role for role in Role if role is not Role.ADMIN and role not in SUPPORT_ROLES]
OWNERS = {Permission.AUDIT_ERASE, Permission.BREAK_GLASS_CHANGE, Permission.KEY_DESTROY, Permission.SUPPORT_GRANT}


def words_of(one: Operation, file: Path) -> list[str]:
    words = [*GROUPS[one.tag][0].split(), command_name(one, one.tag), *(NOBODY for _ in one.parameters)]
    if one.takes_files:
        words.append(str(file))
    for name, value in ((body_of(one) or {}) | one.asked).items():
        field = one.body.model_fields.get(name) if one.body is not None else None
        if field is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
            file.with_name("key").write_text(str(value))
            words += [f"--{name.replace('_', '-')}-file", str(file.with_name("key"))]  # never an argument
            continue
        for each in value if isinstance(value, list) else [value]:
            words += ["--" + name.replace("_", "-"), json.dumps(each) if isinstance(each, dict) else str(each)]
    return words


@pytest.fixture(autouse=True)
def _put_together_once(house: House) -> Iterator[None]:
    """Let all commands of a test share what each would put together anew: a web process serves everybody from one, too."""
    services = assemble(house.settings, role="worker")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use, "assemble", lambda _settings, **_role: services)
        patch.setattr(Services, "close", lambda _services: None)
        yield
    services.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "note.txt"
    found.write_text("A note.")
    return found


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_at_the_console_what_the_catalogue_grants_and_no_more(
    console: Console, house: House, ada: Member, file: Path, role: Role
) -> None:
    lets_review(ada, Review.TWO_PERSON)
    member = member_as(house, ada, role)
    email = member.caller.email
    for one in filter(harmless, OPERATIONS):
        result = console(*words_of(one, file), "--as", email)
        assert result.exit_code != 2, (one.name, result.output)
        is_granted = one.permission is None or one.permission in held(member.caller)
        # Who is no operator has no place on the platform to act in: they are not even found there.
        refused = PersonNotFound if one.tag == "platform" and role is not Role.OPERATOR else Forbidden
        assert (not isinstance(result.exception, refused)) == is_granted, (role, one.name, result.exception)


def test_an_admin_may_what_an_owner_may_but_for_what_is_owners_alone(console: Console, ada: Member, file: Path) -> None:
    assert GRANTS[Role.OWNER] - GRANTS[Role.ADMIN] == OWNERS
    assert GRANTS[Role.ADMIN] < GRANTS[Role.OWNER]
    email = ada.adds("admin@harrow.example", Role.ADMIN).caller.email
    for one in [one for one in OPERATIONS if one.permission in OWNERS]:
        assert isinstance(console(*words_of(one, file), "--as", email).exception, Forbidden), one.name


def test_who_was_let_in_for_support_does_nothing_at_the_console(house: House, console: Console, ada: Member) -> None:
    """Each act of theirs is on record at a browser; whoever holds the host acts as somebody of the organisation."""
    lets_in(ada, house.operator("olga@host.example"))
    words = ("document", "list", "--as", "olga@host.example", "--in", str(ada.tenant_id))
    assert isinstance(console(*words).exception, Forbidden)


def test_nobody_acts_in_a_closed_organisation_or_after_they_were_removed(
    console: Console, house: House, ada: Member, file: Path
) -> None:
    eve, olga = ada.adds("eve@harrow.example", Role.ADMIN), house.operator("olga@host.example")
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=house.clock)
    with house.app.db.tenant(olga.tenant_id) as tx:
        set_suspended(tx, olga.caller, ada.tenant_id, is_suspended=True, clock=house.clock)
    for one in {one.tag: one for one in OPERATIONS if one.tag != "platform"}.values():  # the last of each room
        closed = console(*words_of(one, file), "--as", ada.caller.email)
        assert isinstance(closed.exception, OrganisationSuspended), (one.name, closed.exception)
        removed = console(*words_of(one, file), "--as", eve.caller.email)
        assert isinstance(removed.exception, NotSignedIn | PersonNotFound), (one.name, removed.exception)


def test_the_console_decides_no_review_for_anybody(console: Console, ada: Member) -> None:
    """Whoever holds the host could name both persons."""
    lets_review(ada, Review.TWO_PERSON)
    assert "decide" not in console("review", "--help").output
