"""The running product with people of every role and a secret of every kind planted, and everything that it answers."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pyotp
import pytest
from sqlalchemy import text

from appliance import identity, tenancy
from appliance.assembly import Services, assemble
from appliance.audit import PLATFORM
from appliance.identity import Caller, Role, Scope
from appliance.identity.factors import begin_totp, confirm_totp
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.operators import invite_operator
from appliance.identity.permissions import GRANTS, SCOPES
from appliance.identity.sessions import caller_of
from appliance.identity.tokens import TokenForm
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import derive_key
from appliance.settings import Settings
from appliance.vault.keyfiles import KekId
from appliance.vault.keys import Wrapped, open_data_key
from tests.support.planted_keys import Planted
from tests.support.product import PASSWORD, Person, Product, csrf
from tests.support.refusing import careless_mail_server, careless_model_provider

OWNER = "ada@harrow.example"


@dataclass
class Day:
    """The running product, what was planted in it, and everything that it answered."""

    product: Product
    services: Services
    scratch: Path
    models: str
    """The address of a model provider that refuses every key and repeats it."""
    planted: Planted = field(default_factory=Planted)
    answers: list[bytes] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    programs: dict[str, httpx2.Client] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def hears(self, answer: httpx2.Response) -> httpx2.Response:
        """Keep an answer with its headers, but for the cookie, whose one place it is."""
        headers = b"\n".join(name + b": " + value for name, value in answer.headers.raw if name.lower() != b"set-cookie")
        self.answers.append(f"{answer.request.method} {answer.request.url.path} {answer.status_code}\n".encode() + headers + answer.content)
        self.codes.add(answer.status_code)
        return answer

    def asks(self, client: httpx2.Client, method: str, path: str, **more: object) -> httpx2.Response | None:
        """Send a request that may find nobody."""
        try:
            return self.hears(client.request(method, path, **more))  # type: ignore[arg-type]
        except httpx2.TransportError:
            return None


@contextlib.contextmanager
def begun(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """Start the product, its people and its secrets."""
    data = directory / "data"
    with contextlib.ExitStack() as stack:
        # Of its own and short: Postgres listens at a path in it.
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="day-")))
        monkeypatch.setenv("TMPDIR", str(scratch))
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))  # this process asks the same database
        mail, models = stack.enter_context(careless_mail_server()), stack.enter_context(careless_model_provider())
        product = stack.enter_context(Product(
            data, from_nothing=True, smtp_host="127.0.0.1", smtp_port=str(mail), smtp_from="house@harrow.example", smtp_security="none",
            smtp_user="house", api_requests_per_minute="6000", log_level="DEBUG", egress_allow="127.0.0.1:*",
        ))  # fmt: skip
        services = assemble(Settings(data_dir=data), role="worker")
        day = Day(product, services, scratch, f"http://127.0.0.1:{models}/v1")
        try:
            plant(day)
            yield day
        finally:
            services.close()
            for client in [*day.programs.values(), *(person.http for person in day.people.values())]:
                client.close()


def plant(day: Day) -> None:
    """Plant a secret of every kind."""
    secrets, planted = day.product.data_dir / "secrets", day.planted
    mail = secrets / "smtp-password"
    mail.write_text("mail-" + new_id().hex)
    mail.chmod(0o400)
    owner = Person(day.product.address).sets_up(day.product.link)
    planted.plant("set-up link", day.product.link.partition("link=")[2])
    planted.plant("password", PASSWORD)
    for path in secrets.iterdir():
        if path.is_file():
            planted.plant(path.name, path.read_bytes().strip() if path.name != "root.key" else path.read_bytes())
    planted.plant("root, as it wraps", derive_key((secrets / "root.key").read_bytes(), purpose="wrap keys"))
    day.people["owner"] = owner
    callers = people(day)
    for role, caller in callers.items():
        token = token_of(day, caller)
        planted.plant(f"token of {role}", token, token.partition("_")[2] or token)
        day.programs[role] = httpx2.Client(
            base_url=day.product.address + "/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )
    second_factor(day, callers["member"])
    plant_keys(day)
    for person in day.people.values():
        planted.plant("session", *(cookie for cookie in person.http.cookies.values() if len(cookie) >= 20))


def people(day: Day) -> dict[str, Caller]:
    """Let somebody of every role in; return them by role."""
    services, (tenant_id,) = day.services, organisations(day.services)
    with services.db.tenant(tenant_id) as tx:
        owner = tx.scalar(text("SELECT user_id FROM memberships WHERE role = 'owner'"))
        assert owner is not None
        callers = {"owner": caller_of(tx, owner)}
    for role in (Role.ADMIN, Role.AUDITOR, Role.MEMBER, Role.OPERATOR):
        email, password = f"{role.value}@harrow.example", f"sentence of {new_id().hex}"
        if role is Role.OPERATOR:
            token = invite_operator(services.db, email, clock=services.clock).token
        else:
            with services.db.tenant(tenant_id) as tx:
                token = identity.invite(tx, callers["owner"], InvitationForm(email, role), clock=services.clock).token
        at, user_id = identity.accept(
            services.db, token, Acceptance(role.value, password), address="test", request_id="test", clock=services.clock
        )
        with services.db.tenant(at) as tx:
            callers[role.value] = caller_of(tx, user_id)
        day.planted.plant(f"password of {role.value}", password)
        day.planted.plant(f"invitation of {role.value}", token)
        day.people[role.value] = Person(day.product.address)
        assert day.people[role.value].signs_in(email, password).status_code == 303
    return callers


def organisations(services: Services) -> list[TenantId]:
    """Return all organisations."""
    with services.db.platform() as tx:
        return tenancy.list_tenants(tx)


def token_of(day: Day, caller: Caller) -> str:
    """Return a token with all that the role allows."""
    scopes = frozenset(scope for scope in Scope if SCOPES[scope] & GRANTS[caller.role])
    with day.services.db.tenant(caller.tenant_id) as tx:
        return identity.create_token(tx, caller, TokenForm("script", scopes, 30), clock=day.services.clock).secret


def second_factor(day: Day, caller: Caller) -> None:
    """Give somebody an authenticator app and recovery codes."""
    vault, clock = day.services.vault.platform, day.services.clock
    with day.services.db.tenant(caller.tenant_id) as tx:
        begun = begin_totp(tx, caller, label="phone", sealer=vault, clock=clock)
        codes = confirm_totp(tx, caller, begun.factor_id, pyotp.TOTP(begun.secret).now(), sealer=vault, clock=clock)
    day.planted.plant("seed", begun.secret, pyotp.TOTP(begun.secret).byte_secret())
    day.planted.plant("recovery code", *codes, *(code.replace("-", "") for code in codes))


def plant_keys(day: Day) -> None:
    """Note every key-encryption key and data key that there is now."""
    services, files = day.services, day.services.vault.files
    for tenant_id in [PLATFORM, *organisations(services)]:
        with services.db.tenant(tenant_id) as tx:
            rows = tx.execute(text("SELECT kek_id, version, wrapped FROM data_keys WHERE wrapped IS NOT NULL")).all()
        for row in rows:
            kek = KekId(tenant_id, row.kek_id)
            day.planted.plant("key-encryption key", files.open(kek))
            day.planted.plant("data key", open_data_key(files, Wrapped(kek, row.version, row.wrapped)))


def processes(day: Day) -> list[psutil.Process]:
    """Return what the product started."""
    found: list[psutil.Process] = psutil.Process(day.product.pid).children(recursive=True)
    return found


def command(process: psutil.Process) -> str:
    """Return a process's command line, nothing if it is gone."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def of(person: Person) -> dict[str, str]:
    """Return the headers of a script on a page of theirs."""
    return {"Accept": "application/json", "X-CSRF-Token": csrf(person.http.get("/account").text)}
