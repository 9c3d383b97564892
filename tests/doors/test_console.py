"""The console over the same verbs: what an operator of the host types."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click
import pytest
from pydantic import BaseModel

from appliance import cli
from appliance.api.framework import OPERATIONS
from appliance.chat import QUOTES, Answered, Message
from appliance.cli.contents import GROUPS, Later
from appliance.cli.tables import show
from appliance.cli.use import print_answer
from appliance.cli.verbs import command_name
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.product import ROOT


def test_it_offers_every_operation_at_the_console(console: Console) -> None:
    for one in OPERATIONS:
        result = console(*GROUPS[one.tag][0].split(), command_name(one, one.tag), "--help")
        assert result.exit_code == 0, one.name
        assert "--json" in result.output
    assert len({(one.tag, command_name(one, one.tag)) for one in OPERATIONS}) == len(OPERATIONS)


def test_every_command_speaks_json() -> None:
    assert [path for path, command in commands(cli.group, "") if "--json" not in options(command)] == []


def test_its_contents_say_what_the_commands_say() -> None:
    for name, one in cli.group.commands.items():
        assert isinstance(one, Later)
        assert one.get_short_help_str(200) == one.loaded().get_short_help_str(200), name
        assert one.loaded().name == name
    assert {one.tag for one in OPERATIONS} == set(GROUPS)


@pytest.mark.parametrize("words", [["--help"], ["config", "check"], ["ready"], ["completion", "bash"], ["scan", "--rules-only", "LICENSE"]])
def test_what_needs_no_house_loads_none(words: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from appliance.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'alembic', 'cryptography', 'flask', 'numpy', 'psycopg', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "APPLIANCE_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.endswith("set()\n"), done.stdout


def test_the_tab_key_loads_no_house_until_a_room_is_named(tmp_path: Path) -> None:
    own = {"PATH": os.environ["PATH"], "_APPLIANCE_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "appliance"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=own | {"COMP_WORDS": "appliance re"},
    )  # fmt: skip
    assert done.stdout.split() == ["plain,ready", "plain,reset-password", "plain,restore", "plain,review"]
    assert "sqlalchemy" not in done.stderr


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from commands(one.loaded() if isinstance(one, Later) else one, f"{path} {name}")
    else:
        yield path, command


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def test_it_lists_and_changes_and_says_so_in_the_log(console: Console, ada: Member) -> None:
    made = console("group", "create", "--name", "Board", "--member-ids", str(ada.caller.user_id), "--json")
    assert made.exit_code == 0, made.output
    group = json.loads(made.output)
    assert console("group", "list").output.splitlines()[1].startswith(group["group_id"])
    assert "ada@harrow.example" in console("user", "list").output
    assert console("group", "delete", group["group_id"]).output == "Done.\n"

    entries = json.loads(console("audit", "list", "--json").output)["items"]
    deleted = next(one for one in entries if one["event"] == "identity:group:deleted")
    assert deleted["actor"]["kind"] == "operator"


def test_it_invites_and_issues(console: Console, ada: Member) -> None:
    invited = json.loads(console("user", "create-invitation", "--email", "eve@harrow.example", "--json").output)
    assert "/join?link=" in invited["link"]
    issued = json.loads(console("token", "create", "--name", "script", "--scopes", "chat", "--json").output)
    assert issued["secret"].startswith("cloister_")


def test_it_refuses_in_words(console: Console, ada: Member) -> None:
    unknown = console("group", "get", "nonsense")
    assert unknown.exit_code == 1
    assert "is not an id" in str(unknown.exception)
    wrong = console("token", "create", "--name", "x", "--scopes", "king")
    assert wrong.exit_code == 2
    missing = console("group", "create")
    assert missing.exit_code == 2
    assert "--name" in missing.output


def test_it_makes_operators_and_organisations(console: Console, ada: Member, house: House) -> None:
    link = json.loads(console("operator", "invite", "olga@host.example", "--json").output)["url"]
    assert "/join?link=" in link
    house.operator("olga2@host.example")
    made = json.loads(
        console("platform", "create", "--name", "Tarn", "--owner-email", "t@tarn.example", "--json").output
    )
    assert "/join?link=" in made["link"]
    assert {"Harrow", "Tarn"} <= set(console("platform", "list").output.split())


def test_it_makes_a_link_to_a_new_password_and_tells_each_organisation(console: Console, ada: Member) -> None:
    assert "/reset?link=" in console("reset-password", "ada@harrow.example").output
    assert "identity:password_reset:created" in console("audit", "list", "--json").output


def test_it_completes(console: Console) -> None:
    assert "_APPLIANCE_COMPLETE" in console("completion", "bash").output
    assert "_APPLIANCE_COMPLETE" in json.loads(console("completion", "zsh", "--json").output)["script"]


def test_bash_completes_without_a_program_of_the_name_appliance(console: Console) -> None:
    script = console("completion", "bash").output
    script += "COMP_WORDS=(appliance gro); COMP_CWORD=1; _appliance_completion appliance; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["group"], done.stderr


def test_it_says_in_json_whether_it_is_ready_and_where_the_log_went(
    console: Console, ada: Member, tmp_path: Path
) -> None:
    silent = console("ready", "--json")
    assert (silent.exit_code, json.loads(silent.output)) == (1, {"is_ready": False})
    file = str(tmp_path / "log.jsonl")
    assert json.loads(console("audit-export", file, "--json").output) == {"file": file}
    assert Path(file).stat().st_mode & 0o777 == 0o600


class Within(BaseModel):
    finding_id: int
    rule: str


class Outer(BaseModel):
    title: str
    findings: list[Within]


class Listing(BaseModel):
    items: list[Outer]


def test_what_is_inside_of_rows_is_told_with_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Outer(title="House rules", findings=[Within(finding_id=7, rule="card/pan/2")]), Outer(title="b", findings=[])]
    show(Listing(items=found), as_json=False)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    inside = [["findings:"], ["finding", "id", "rule"], ["7", "card/pan/2"]]
    assert told == [["title"], ["House", "rules"], *inside, ["b"], ["findings:", "–"]]


def test_an_answer_that_a_model_wrote_says_which_and_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    message = Message(uuid4(), "assistant", "Six weeks. [1]", "answered", datetime.now(UTC), model="general", untraced=2)
    print_answer(Answered(message), as_json=False)
    print_answer(Answered(replace(message, model=QUOTES, untraced=0)), as_json=False)
    written, quoted = capsys.readouterr().out.split("left out or marked [?]: 2\n")
    assert "general: Written by a model. Each sentence was compared with the passage that it cites" in written
    assert quoted.strip() == ""
    print_answer(Answered(message), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["untraced"]) == ("general", 2)
