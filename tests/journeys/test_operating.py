"""What an operator does at the console, and what stands in the way of starting."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import SAMPLES, Server
from tests.support.product import ROOT, Person, Product, csrf
from tests.support.scratch import opens_to_all


def refused(product: Product) -> str:
    """Start what must not start; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "run"], cwd=ROOT, env=product.environment(), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A house that was started from nothing, by a shell whose proxy is nobody."""
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("http_proxy", "http://127.0.0.1:9")
        with Product(tmp_path_factory.mktemp("running") / "data", from_nothing=True) as product:
            shell.undo()
            Person(product.address).sets_up(product.link)
            yield product


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a house that was started and stopped."""
    with Product(tmp_path_factory.mktemp("left") / "data") as product:
        pass
    return product.data_dir


@pytest.fixture
def stopped(left: Path, tmp_path: Path) -> Product:
    """A house of this test's own that does not run."""
    subprocess.run(["/bin/cp", "--archive", str(left), str(tmp_path / "data")], check=True)
    return Product(tmp_path / "data")


def test_it_serves_the_console(running: Product, tmp_path: Path) -> None:
    ingested = running.command("ingest", str(SAMPLES / "leave-and-travel.pdf"), "--json")
    assert json.loads(ingested.stdout)[0]["status"] == "ready", ingested.stderr
    asked = running.command("ask", "How much is reimbursed for a hotel room a night?", "--json")
    assert "140 euros" in json.loads(asked.stdout)["answer"]
    assert json.loads(asked.stdout)["sources"][0]["page"] == 2
    assert running.command("ask", "Who won the ice hockey championship?").returncode == 3
    doctor = running.command("doctor", "--json")
    assert {finding["level"] for finding in json.loads(doctor.stdout)} <= {"ok", "warn"}
    assert "worker" in {finding["name"] for finding in json.loads(doctor.stdout) if finding["level"] == "ok"}
    again = running.types("setup", "--json")
    assert "/setup?link=" in json.loads(again.stdout)["url"]
    log = tmp_path / "log.jsonl"
    running.types("audit-export", str(log))
    assert "not overwritten" in running.command("audit-export", str(log)).stderr
    assert verify(log).returncode == 0
    lines = log.read_text().splitlines()
    log.write_text("\n".join([lines[0].replace("success", "failure"), *lines[1:]]))
    assert "NOT INTACT" in verify(log).stderr


def verify(log: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "appliance.proof", str(log)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_says_which_port_is_busy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(Product(tmp_path / "data", port=taken.getsockname()[1]))

    assert "is not free" in said
    assert "APPLIANCE_PORT=" in said


def test_web_and_worker_say_why_they_cannot_start(stopped: Product) -> None:
    (stopped.data_dir / "secrets" / "root.key").chmod(0o644)
    gunicorn = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{stopped.port}"]
    for program in ([*gunicorn, "appliance.wsgi:application()"], ["-m", "appliance.worker"]):
        done = subprocess.run(
            [sys.executable, *program], cwd=ROOT, env=stopped.environment(), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "is too open, or no file; run: chmod 0400 /" in done.stderr
        assert "Traceback" not in done.stderr


def test_it_shows_no_password_in_its_settings(tmp_path: Path) -> None:
    product = Product(tmp_path, database_url="postgres://ada:hunter2@db.example/x")
    shown = product.command("config", "check").stdout

    assert "hunter2" not in shown
    assert "postgresql://…@db.example/x" in shown
    wrong = Product(tmp_path, database_url="mysql://ada:hunter2@db.example/x").command("config", "check")
    assert "APPLIANCE_DATABASE_URL" in wrong.stderr
    assert "hunter2" not in wrong.stderr


def test_it_names_every_fault_of_what_may_leave_and_shows_no_password(tmp_path: Path) -> None:
    wrong = Product(
        tmp_path,
        egress_proxy="http://ada:hunter2@proxy.example:3128",
        egress_allow="api.example.org, *.example.org, ada:hunter2@example.org, 127.1",
        egress_client_certificates="api.example.org=relative.pem",
    ).command("config", "check")

    for word in (
        "APPLIANCE_EGRESS_PROXY", "egress-proxy-credentials", "*.example.org: a host is named whole", "127.1:", "…@…:",
        "APPLIANCE_EGRESS_CLIENT_CERTIFICATES",
    ):  # fmt: skip
        assert word in wrong.stderr
    assert "hunter2" not in wrong.stderr + wrong.stdout


def test_it_is_ready_behind_a_proxy_of_the_shell(running: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert running.command("ready").returncode == 0


def test_it_refuses_a_newer_data_directory(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text('{"product": "99.0.0"}')

    assert "newer than this one" in refused(Product(tmp_path))


def test_it_refuses_a_second_start_on_the_same_data(running: Product) -> None:
    assert "Another `appliance run` is using" in refused(Product(running.data_dir))


def test_it_refuses_to_start_without_its_root_key(stopped: Product) -> None:
    key = stopped.data_dir / "secrets" / "root.key"
    kept = key.read_bytes()
    key.unlink()

    assert "root key" in refused(stopped)
    assert not key.exists()

    key.write_bytes(kept)
    key.chmod(0o644)
    assert "0400" in refused(stopped)


def test_it_reports_every_wrong_setting_at_once(tmp_path: Path) -> None:
    product = Product(tmp_path, web_thread="3", database_url="mysql://x", log_format="loud")
    product.port = 99999

    said = refused(product)

    assert "did you mean APPLIANCE_WEB_THREADS?" in said
    for name in ("APPLIANCE_PORT", "APPLIANCE_DATABASE_URL", "APPLIANCE_LOG_FORMAT"):
        assert name in said


def test_it_lives_in_a_given_postgres_and_says_what_one_lacks(server: Server, tmp_path: Path) -> None:
    server.admin.execute("CREATE DATABASE given")
    try:
        url = server.postgres.url(database="given")
        with Product(tmp_path / "data", database_url=url) as product:
            person = Person(product.address).sets_up(product.link)
            received = person.uploads(SAMPLES / "fire-drill.txt")
            assert person.waits_for(received[0]["id"])[0]["status"] == "ready"
            assert not (product.data_dir / "postgres").exists()
        plain = server.postgres.url(user="cloister_auditor", database="given")  # no superuser is needed any more
        with Product(tmp_path / "data", database_url=plain) as product:
            assert Person(product.address).signs_in("ada@harrow.example").status_code == 303
            before = (tmp_path / "data" / "secrets" / "database-app").read_text()
            said = refused(Product(tmp_path / "new", database_url=url))
            assert "sealed with another root key" in said
            assert not (tmp_path / "new" / "secrets" / "root.key").exists()
            assert (tmp_path / "data" / "secrets" / "database-app").read_text() == before
            assert Person(product.address).signs_in("ada@harrow.example").status_code == 303
    finally:
        for role, password in server.passwords.items():  # roles are the server's, and the product set its own
            server.admin.execute(f"ALTER ROLE cloister_{role} PASSWORD '{password}'")
        server.drop("given")
    weak = server.url("cloister_app", "template_house")
    said = refused(Product(tmp_path / "weak", database_url=weak))
    assert "not a superuser" in said


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_it_loses_nothing_on_a_full_disk(tmp_path: Path) -> None:
    small, filler = tmp_path / "small", tmp_path / "small" / "filler"
    small.mkdir()
    if subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", str(small)], check=False
    ).returncode:
        pytest.skip("this host lets nobody mount")
    try:
        with Product(small / "data") as product:
            person = Person(product.address).sets_up(product.link)
            # The first file of an organisation needs a key, which is written first, and a key says which files it is about.
            for code in ("key_unavailable", "storage_full"):
                with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                    while file.write(bytes(1 << 16)):
                        pass
                assert refused_upload(person) == (503, code)
                assert person.http.get("/documents").status_code == 200
                filler.unlink()
                person.uploads(SAMPLES / "cafeteria.md")
            received = person.uploads(SAMPLES / "fire-drill.txt")
            assert person.waits_for(received[0]["id"])[0]["status"] == "ready"
            assert "oak tree" in person.asks("Where is the assembly point of the fire drill?").text
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", str(small)], check=True)


def refused_upload(person: Person) -> tuple[int, str]:
    form = {"Accept": "application/json", "X-CSRF-Token": csrf(person.http.get("/documents").text)}
    note = {"files": ("note.txt", b"The gate opens at six.\n" * 20_000)}
    answer = person.http.post("/documents", files=note, headers=form)
    return answer.status_code, answer.json()["code"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_runs_as_an_ordinary_user(tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("this host has no Python that other users can run")
    program = (
        "import sys; sys.path[:0] = [%r, %r]; from pathlib import Path; "
        "from appliance.ops.embedded_postgres import EmbeddedPostgres; import os\n"
        "p = EmbeddedPostgres(Path(%r), durable=False); p.start(); print(os.geteuid(), p.is_running); p.stop()"
    )
    packages = tmp_path / "packages"
    for package in (Path(sys.prefix) / "lib").glob("python*/site-packages/embedded_postgres*"):
        shutil.copytree(package, packages / package.name)
    shutil.copytree(ROOT / "appliance", packages / "appliance")
    opens_to_all(tmp_path)
    (tmp_path / "own").mkdir()
    shutil.chown(tmp_path / "own", "nobody")
    done = subprocess.run(
        [python, "-c", program % (str(packages), str(packages), str(tmp_path / "own" / "postgres"))],
        user="nobody", group="nogroup", extra_groups=[], cwd="/", env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "65534 True\n", done.stderr
