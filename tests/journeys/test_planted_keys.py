"""A day with failures and planted keys: afterwards none of them stands anywhere but where keys belong.

Searched for in every form: the database's dump and its files with the log of changes, all logs, every answer of API and
site for every role and for strangers, exports, the backup, what the console says, scratch files, environments and command lines.
"""

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import psycopg
import pytest
from sqlalchemy import text
from werkzeug.routing import Rule

from appliance.api.framework import OPERATIONS, Operation
from appliance.app import create_app
from appliance.assembly import database_url
from appliance.identity.sessions import caller_of
from appliance.kernel.db import without_password
from appliance.kernel.ids import new_id
from appliance.ops.embedded_postgres import EmbeddedPostgres, client_program
from appliance.settings import Settings
from appliance.vault.rotation import begin_rotation
from appliance.vault.values import Level
from tests.support.day import OWNER, Day, begun, command, of, organisations, plant_keys, processes
from tests.support.product import Person, csrf


def works(day: Day) -> None:
    """An ordinary morning: documents, questions, keys that turn, mails that are refused, a backup of everything."""
    owner, path = day.people["owner"], day.product.data_dir.parent / "drill.txt"
    path.write_text("The fire drill is at noon on Fridays. The assembly point is the car park.")
    owner.waits_for(owner.uploads(path)[0]["id"])
    assert "noon" in owner.asks("When is the fire drill?").text
    plant_keys(day)
    tenant_id = organisations(day.services)[0]
    with day.services.db.tenant(tenant_id) as tx:
        user_id = tx.scalar(text("SELECT user_id FROM memberships WHERE role = 'owner'"))
        assert user_id is not None
        begin_rotation(tx, caller_of(tx, user_id), day.services.vault, Level.DEK)
    plant_keys(day)
    brings_provider_keys(day)
    day.hears(owner.posts("/people/invitations", email="guest@harrow.example", role="member"))


def brings_provider_keys(day: Day) -> None:
    """One that its provider refuses, at API and page, and one that is kept."""
    program, owner = day.programs["owner"], day.people["owner"]
    form = {"kind": "openai_compatible", "base_url": day.models}
    for number, (name, is_checked, status) in enumerate((("refused", True, None), ("kept", False, 201))):
        key = f"sk-{new_id().hex}{number}"
        day.planted.plant(f"provider key, {name}", key)
        made = day.hears(program.post("/providers", json=form | {"name": name, "key": key, "check": is_checked}))
        assert made.status_code == status if status else made.is_client_error, made.text
        if status is None:
            token = of(owner)["X-CSRF-Token"]
            day.hears(owner.http.post("/providers", data=form | {"name": name, "key": key, "csrf": token}))
    made_id = made.json()["provider_id"]
    for answer in (program.get("/providers"), program.get(f"/providers/{made_id}"), owner.http.get("/providers"), owner.http.get(f"/providers/{made_id}")):
        assert "kept" in day.hears(answer).text


def fails(day: Day, *, thoroughly: bool) -> None:
    """What goes wrong in the course of a day."""
    owner, secrets = day.people["owner"], day.product.data_dir / "secrets"
    mistypes(day)
    broken = day.product.data_dir.parent / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing of it is true")
    owner.waits_for(owner.uploads(broken)[0]["id"])
    for file in (secrets / "keys").glob(f"{organisations(day.services)[0]}/*.key"):
        away = file.rename(file.with_suffix(".away"))
        day.hears(owner.http.post("/documents", files=[("files", ("a.txt", b"a"))], headers=of(owner)))
        day.hears(day.programs["owner"].post("/groups", json={"name": "Board"}, headers={"Idempotency-Key": "1"}))
        away.rename(file)
    with full_disk(day):
        day.asks(owner.http, "POST", "/documents", files=[("files", ("b.txt", b"b" * 9_000))], headers=of(owner))
    victims = processes(day)
    next(one for one in victims if "appliance.worker" in command(one)).send_signal(signal.SIGABRT)
    next(one for one in victims if "/bin/postgres" in command(one)).kill()
    for person, program in zip(day.people.values(), day.programs.values(), strict=True):
        for page in ("/documents", "/keys", "/account", "/sign-in"):
            day.asks(person.http, "GET", page)
        for page in ("/documents", "/keys", "/me"):
            day.asks(program, "GET", page)
    awaits(day)
    if thoroughly:
        kills_a_parser(day)


def mistypes(day: Day) -> None:
    """Secrets where they do not belong: a password in the field of the address, a token as a password, in a path, in a header."""
    wrong, stranger = f"wrong sentence {new_id().hex}", Person(day.product.address)
    day.planted.plant("wrong password", wrong)
    token = next(secret for name, secret in day.planted.secrets.items() if name.startswith("token of admin")).decode()
    with stranger.http:
        day.hears(stranger.signs_in(OWNER, wrong))
        stranger.signs_in(wrong, wrong)  # the form shows it to who typed it, and nobody else ever sees it
        stranger.signs_in("admin@harrow.example", token)
        held = next(secret for name, secret in day.planted.secrets.items() if name.startswith("password of member")).decode()
        code = next(secret for name, secret in day.planted.secrets.items() if name.startswith("recovery code")).decode()
        day.hears(stranger.signs_in("member@harrow.example", held))
        day.hears(stranger.http.post("/sign-in/second-step", data={"code": code + "x", "csrf": csrf(stranger.http.get("/sign-in").text)}))
        for path in (f"/documents/{token}", f"/{token}", f"/documents?q={token}", f"/api/v1/documents/{token}", "/api/v1/me"):
            stranger.http.get(path, headers={"Authorization": f"Basic {token}", "Referer": f"http://x/{token}", "User-Agent": token})
        day.hears(stranger.http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}x"}))
        day.hears(stranger.http.post("/api/v1/documents", headers={"Authorization": f"Bearer {token}"}, content=b"\0\xff"))


@contextlib.contextmanager
def full_disk(day: Day) -> Iterator[None]:
    """Let no file of the web's processes grow."""
    webs = [one for one in processes(day) if "gunicorn" in command(one)]
    before = [resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (40, resource.RLIM_INFINITY)) for one in webs]
    try:
        yield
    finally:
        for one, limits in zip(webs, before, strict=True):
            resource.prlimit(one.pid, resource.RLIMIT_FSIZE, limits)


def kills_a_parser(day: Day) -> None:
    """Kill a process that reads a document, while it does."""
    path, owner = day.product.data_dir.parent / "long.html", day.people["owner"]
    path.write_text("<p>A line of a long document about nothing.</p>\n" * 20_000)
    owner.uploads(path)
    limit = time.monotonic() + 15
    while time.monotonic() < limit:
        for one in processes(day):
            if "appliance/knowledge" in command(one):
                with contextlib.suppress(psutil.Error):
                    one.kill()
                return
        time.sleep(0.01)
    pytest.fail("no parser was seen")


def awaits(day: Day) -> None:
    """Wait until the product answers again."""
    limit, answers = time.monotonic() + 60, 0
    while answers < 3:
        assert time.monotonic() < limit, "".join(day.product.output)[-3000:]
        with contextlib.suppress(httpx2.TransportError):
            answers = answers + 1 if day.people["owner"].http.get("/readyz").status_code == 200 else 0
        time.sleep(0.2)


def walks(day: Day, *, thoroughly: bool) -> None:
    """Ask for everything there is, as everybody, well and badly."""
    for number, one in enumerate(OPERATIONS):
        for place, (role, program) in enumerate(day.programs.items()):
            if not thoroughly and role != "owner" and (number + place) % len(day.programs):
                continue
            for body in bodies(one, thoroughly=thoroughly):
                path = one.path.replace("{", "").replace("}", "") if body == "junk" else sample(one)
                if one.name not in {"revoke_token", "close_own_session", "rename_organisation", "suspend_organisation"}:
                    day.asks(program, one.method, path, **({"content": body} if body else {}),
                             headers={"Content-Type": "application/json"})  # fmt: skip
    rules = [rule for rule in create_app(day.services).url_map.iter_rules() if not rule.endpoint.startswith("api.")]
    everybody: dict[str, Person] = day.people | {"stranger": Person(day.product.address)}
    tokens = {role: of(person)["X-CSRF-Token"] for role, person in day.people.items()} | {"stranger": ""}
    for number, rule in enumerate(rules):
        for place, (role, person) in enumerate(everybody.items()):
            if thoroughly or place == 0 or not (number + place) % len(everybody):
                visits(day, person, rule, tokens[role])
    for role, person in day.people.items():
        assert person.http.get("/account").status_code == 200, f"{role} was signed out on the way"
    everybody["stranger"].http.close()


def bodies(one: Operation, *, thoroughly: bool) -> list[str]:
    if not one.body:
        return [""]
    return [str(one.example), "{", *(['{"name": 7}', "junk"] if thoroughly else [])]


def sample(one: Operation) -> str:
    path = one.path
    for name in one.parameters:
        path = path.replace("{" + name + "}", "01900000-0000-7000-8000-000000000000")
    return path


def visits(day: Day, person: Person, rule: Rule, token: str) -> None:
    ends_the_session = rule.endpoint.startswith("signin.") and token
    if ends_the_session or rule.endpoint in {"static", "account.end_session", "account.end_other_sessions"}:
        return
    path = "".join(str(new_id()) if is_variable else part for is_variable, part in _parts(rule))
    for method in sorted((rule.methods or set()) & {"GET", "POST"}):
        junk = {"data": {"csrf": token, "name": "\0", "email": "x", "decision": "grant"}} if method == "POST" else {}
        day.asks(person.http, method, path, **junk)


def _parts(rule: Rule) -> Iterator[tuple[bool, str]]:
    for number, part in enumerate(rule.rule.replace(">", "<").split("<")):
        yield bool(number % 2), part


def says(day: Day, *, thoroughly: bool) -> dict[str, str]:
    """What the console prints, and what it exports."""
    folder = day.product.data_dir.parent / "exports"
    folder.mkdir()
    commands = {
        "doctor": ("doctor", "--json"),
        "key files": ("vault", "export", str(folder / "keys.tar")),
        "backup": ("backup", str(folder / "house.tar")),
    }
    if thoroughly:
        commands |= {
            "config": ("config", "check"),
            "vault": ("vault", "check", "--json"),
            "keys": ("keys", "list", "--as", OWNER, "--json"),
            "log": ("audit", "export", "--as", OWNER),
        }
    said = {}
    for name, words in commands.items():
        done = day.product.command(*words)
        said[name] = done.stdout + done.stderr
        assert done.returncode in {0, 2}, said[name]
    for page in ("/audit/export", "/overview", "/metrics", "/api/openapi.json"):
        (folder / page.replace("/", "-")).write_bytes(day.people["owner"].http.get(page).content)
    return said


def dump(day: Day) -> Path:
    """Dump the database in the clear, as its backup role; bring its files and its log of changes up to date."""
    target = day.product.data_dir.parent / "exports" / "house.sql"
    url = database_url(Settings(data_dir=day.product.data_dir), "backup")
    with target.open("wb") as file:
        subprocess.run(
            [client_program("pg_dump"), "--format=plain", "--no-password", without_password(url.replace("postgresql+psycopg", "postgresql"))],
            stdout=file, check=True, env={"PGPASSWORD": (day.product.data_dir / "secrets" / "database-backup").read_text()},
        )  # fmt: skip
    postgres = EmbeddedPostgres(day.product.data_dir / "postgres")
    with psycopg.connect(postgres.url(database="cloister"), autocommit=True) as boot:
        boot.execute("CHECKPOINT")
    return target


READS = """
import sys
try:
    with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
        memory.seek(int(maps.readline().partition("-")[0], 16))
        print("read", len(memory.read(64)))
except OSError as error:
    print("refused", error.errno)
"""


def looks_into(pid: int, *rights: str) -> str:
    """Read another process's memory, as a debugger does, with fewer rights than root."""
    program = shutil.which("setpriv") or "setpriv"
    done = subprocess.run(
        [program, *rights, sys.executable, "-I", "-c", READS, str(pid)], capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.stdout.partition(" ")[0] or done.stderr


def keeps_its_memory(day: Day) -> None:
    """No core file, and no look into web and worker: not by another user, and not by the same one."""
    everyone = [psutil.Process(day.product.pid), *processes(day)]
    for one in everyone:
        limits = Path(f"/proc/{one.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), command(one)
    ours = [one for one in everyone if "postgres" not in command(one)]  # whose memory holds no key
    assert len(ours) >= 4
    if os.geteuid() == 0 and shutil.which("setpriv"):
        other = ("--reuid=65534", "--regid=65534", "--clear-groups")
        same = ("--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as open_to_all:
            can_tell = looks_into(open_to_all.pid, *same) == "read"
            open_to_all.kill()
        for one in ours:
            assert looks_into(one.pid, *other) == "refused", command(one)
            assert not can_tell or looks_into(one.pid, *same) == "refused", command(one)
    data = day.product.data_dir
    assert [path for folder in (Path.cwd(), data, day.scratch) for path in folder.glob("core*")] == []


def is_nowhere(day: Day, said: dict[str, str]) -> None:
    """Search all places."""
    heard, data = day.product.data_dir.parent / "heard", day.product.data_dir
    heard.mkdir()
    (heard / "answers").write_bytes(b"\n\n".join(day.answers))
    greeting = "".join(day.product.output).replace(day.product.link, "", 1)  # the one place of the link
    (heard / "output").write_text(greeting + "\n".join(said.values()))
    for one in [psutil.Process(day.product.pid), *processes(day)]:
        with contextlib.suppress(psutil.Error):
            (heard / str(one.pid)).write_text(command(one) + "\n".join(f"{k}={v}" for k, v in one.environ().items()))
    exports = data.parent / "exports"
    searched = (heard, exports, day.scratch, data / "log", data / "postgres", data / "blobs", data / "secrets" / "keys")
    assert day.planted.found_under(*searched) == {}
    probe = data.parent / "probe"
    probe.write_bytes((data / "secrets" / "root.key").read_bytes())
    assert day.planted.found_under(probe), "the search itself is blind"


def lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, thoroughly: bool) -> None:
    with begun(tmp_path, monkeypatch) as day:
        works(day)
        fails(day, thoroughly=thoroughly)
        walks(day, thoroughly=thoroughly)
        keeps_its_memory(day)
        plant_keys(day)
        said = says(day, thoroughly=thoroughly)
        dump(day)
        is_nowhere(day, said)
        assert {200, 303, 400, 401, 403, 404, 422, 503} <= day.codes, day.codes
        assert 500 not in day.codes


def test_no_planted_key_leaves_its_place_in_a_day_with_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives(tmp_path, monkeypatch, thoroughly=False)


@pytest.mark.long
def test_no_planted_key_leaves_its_place_whatever_anybody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives(tmp_path, monkeypatch, thoroughly=True)
