"""Commands that change something at the console leave alone what was not named, and say in words what was wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.ops.backup import Manifest, write_backup
from appliance.ops.data_directory import read_secret
from appliance.ops.errors import CannotStart
from appliance.ops.restore import read_manifest
from appliance.settings import InvalidSettings, load
from tests.doors.conftest import Console
from tests.support.house import Member


def test_a_new_name_keeps_the_members_of_a_group(console: Console, ada: Member) -> None:
    group = json.loads(
        console("group", "create", "--name", "Board", "--member-ids", str(ada.caller.user_id), "--json").output
    )
    renamed = json.loads(console("group", "change", group["group_id"], "--name", "Council", "--json").output)
    assert renamed == group | {"name": "Council"}
    emptied = json.loads(console("group", "change", group["group_id"], "--member-ids", "", "--json").output)
    assert emptied == group | {"name": "Council", "member_ids": []}


def test_a_new_name_keeps_who_may_read_a_collection_and_use_a_chatbot(console: Console, ada: Member) -> None:
    made = json.loads(
        console(
            "collection", "create", "--name", "Rules", "--description", "All", "--audience", "everyone", "--json"
        ).output
    )
    changed = json.loads(console("collection", "change", made["collection_id"], "--name", "Laws", "--json").output)
    assert changed == made | {"name": "Laws"}

    bot = json.loads(
        console(
            "bot", "create", "--name", "Clerk", "--instructions", "Be brief.", "--questions", "How many days?",
            "--collection-ids", made["collection_id"], "--audience", "everyone", "--json",
        ).output
    )  # fmt: skip
    changed = json.loads(console("bot", "change", bot["chatbot_id"], "--welcome", "Ask.", "--json").output)
    assert changed == bot | {"welcome": "Ask."}


def test_settings_and_a_profile_change_one_by_one(console: Console, ada: Member) -> None:
    console("org", "change-settings", "--link-hosts", "intranet.example.org")
    console("org", "change-settings", "--call-content-days", "30")
    settings = json.loads(console("org", "change-settings", "--conversation-review", "audited", "--json").output)
    assert settings == {"conversation_review": "audited", "link_hosts": ["intranet.example.org"], "call_content_days": 30}

    console("me", "change-profile", "--display-name", "Ada", "--language", "de", "--zone", "Europe/Berlin")
    for option, value, expected in (
        ("--display-name", "Ada H.", ("Ada H.", "de", "Europe/Berlin")),
        ("--zone", "none", ("Ada H.", "de", None)),
    ):
        console("me", "change-profile", option, value)
        me = json.loads(console("me", "get", "--json").output)
        assert (me["display_name"], me["language"], me["zone"]) == expected


def test_a_budget_is_lifted_by_none(console: Console, ada: Member) -> None:
    assert json.loads(console("org", "change-budget", "--monthly-tokens", "5000", "--json").output)["limit"] == 5000
    assert json.loads(console("org", "change-budget", "--monthly-tokens", "none", "--json").output)["limit"] is None


def test_wrong_options_are_named_as_they_are_typed(console: Console, ada: Member) -> None:
    day = str(console("passage", "search", "--text", "x", "--first-day", "12.11.2026").exception)
    assert "--first-day takes a day, such as" in day
    assert "--text is empty" in str(console("passage", "search", "--text", "").exception)
    assert "--monthly-tokens: " in str(console("org", "change-budget", "--monthly-tokens", "-4").exception)


def test_a_row_is_a_line(console: Console, ada: Member) -> None:
    console("collection", "create", "--name", "Rules", "--description", "First line.\n\nSecond line.")
    rows = console("collection", "list").output.splitlines()
    assert len(rows) == 3
    assert "First line. Second line." in "\n".join(rows)
    assert "{" not in console("org", "get-index").output
    document = ada.uploads("a.txt", b"Badge 1 opens door 1.")
    assert console("document", "list-labels").output == "None.\n"
    console("document", "label", str(document.document_id), "--labels", "keys", "--labels", "doors")
    assert console("document", "list-labels").output == "doors\nkeys\n"


def test_an_empty_question_begins_no_conversation(console: Console, ada: Member) -> None:
    assert "Type a question" in str(console("ask", " ").exception)
    assert console("conversation", "list").output == "None.\n"


def test_who_asks_at_the_console_is_somebody_who_asked(console: Console, ada: Member) -> None:
    console("ask", "How many days?")
    today = json.loads(console("overview", "list-days", "--days", "1", "--json").output)
    assert (today["people"], today["items"][0]["questions"], today["items"][0]["people"]) == (1, 1, 1)


def test_a_file_that_cannot_be_written_or_read_is_told_with_what_to_do(
    console: Console, ada: Member, tmp_path: Path
) -> None:
    nowhere = tmp_path / "none" / "file"
    exported = console("audit-export", str(nowhere))
    assert exported.exit_code == 1
    assert "Name a file in a folder that exists" in exported.output
    assert "audit:log:exported" not in console("audit", "list").output
    about = Manifest(product="1", schema="1", made_at="", root_key_fingerprint="")
    with pytest.raises(CannotStart, match="in a folder that exists"):
        write_backup(nowhere, database_url=ada.house.settings.database_url or "", blobs=tmp_path, about=about)
    with pytest.raises(CannotStart, match="No such file"):
        read_manifest(nowhere)
    with pytest.raises(CannotStart, match="APPLIANCE_DATA_DIR"):
        read_secret(nowhere)
    checked = subprocess.run(
        [sys.executable, "-m", "appliance.proof", str(nowhere)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, "Traceback" in checked.stderr, str(nowhere) in checked.stderr) == (2, False, True)


def test_a_settings_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "applaince.toml"))
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert "applaince.toml" in "".join(refused.value.faults)


def test_a_name_of_models_is_given_weights(console: Console, ada: Member) -> None:
    models = ["openai/gpt-6=3", "anthropic/claude=1", "vllm/qwen"]
    command = ["gateway", "set-model-alias", "--name", "shared", *(part for one in models for part in ("--models", one))]

    made = console(*command, "--json")
    assert json.loads(made.output) == {"name": "shared", "models": models}
    assert json.loads(console("gateway", "list-model-aliases", "--json").output)["items"] == [{"name": "shared", "models": models}]
    wrong = console("gateway", "set-model-alias", "--name", "shared", "--models", "openai/gpt-6=0")
    assert wrong.exit_code != 0
    assert "weight from 1 to 1000" in str(wrong.exception)
