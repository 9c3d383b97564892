"""What a person and a program are told where a conversation does not open; and that nothing waits while an answer comes."""

import shutil
from uuid import UUID

import pytest
from flask import Flask

from appliance import chat, identity
from appliance.api.openapi import document
from appliance.chat import ConversationId
from appliance.tenancy import OrganisationSettings, Review
from tests.doors.test_api_conversations import starts
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.scripted import install
from tests.support.site import Browser

FAULTS = {
    "key_unavailable": (503, "try again, and tell the operator if it stays"),
    "key_destroyed": (410, "Nobody can open it any more"),
    "seal_broken": (500, "Tell the operator at once"),
}


def breaks(house: House, member: Member, code: str) -> None:
    if code == "key_unavailable":
        shutil.rmtree(house.settings.secrets / "keys" / str(member.tenant_id))
        return
    ends = {
        "key_destroyed": "UPDATE data_keys SET state = 'destroyed', wrapped = NULL, destroyed_at = now() WHERE tenant_id = %s",
        "seal_broken": "UPDATE conversations SET sealed_title = set_byte(sealed_title, 80, get_byte(sealed_title, 80) # 1)"
        " WHERE tenant_id = %s",
    }
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET search_path = cloister, public")
        boot.execute("SET session_replication_role = replica")  # no key ends by a statement alone
        boot.execute(ends[code].encode(), (member.tenant_id,))


@pytest.mark.parametrize("code", FAULTS)
def test_pages_and_programs_say_why_a_conversation_does_not_open(
    site: Flask, house: House, ada: Member, at_ada: Browser, code: str
) -> None:
    install(house)
    status, words = FAULTS[code]
    program = Program(site, ada)
    talk = starts(program)
    program.asks("POST", f"{talk}/messages", {"question": "Where do the lamps stand?"})
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.change_settings(tx, ada.caller, OrganisationSettings(Review.AUDITED))
    path = f"/chat/{talk.rpartition('/')[2]}"
    assert at_ada.gets(path).status_code == 200
    breaks(house, ada, code)

    for page in (path, "/chat", "/chat?q=other", "/reviews", f"{path}/export/md"):
        answer = at_ada.gets(page)
        if code == "seal_broken" and page == "/chat?q=other":
            continue  # nothing that is broken is looked at
        assert answer.status_code == status, (page, answer.text)
        assert words in " ".join(answer.text.split()), page
    answer = program.gets(f"{talk}/messages" if code != "seal_broken" else talk)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert at_ada.gets("/").status_code == 200
    if code == "key_destroyed":
        assert program.asks("DELETE", talk).status_code == 204
    described = document()["paths"]["/api/v1/conversations/{conversation_id}"]["get"]["responses"]
    assert str(status) in described


def test_no_transaction_is_open_while_an_answer_comes(house: House, ada: Member) -> None:
    model = install(house)
    model.text = "One line.\nAnother line.\n"
    with ada.services.db.tenant(ada.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, ada.caller)[0].chatbot_id
        talk = chat.create_conversation(tx, ada.caller, chatbot, clock=house.clock).conversation_id
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.chatbot_versions SET model = 'scripted'")
    _, steps = ada.services.chat.ask(ada.caller, ConversationId(UUID(str(talk))), "Where do the lamps stand?")
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    said = 0
    with house.server.connect("boot", house.database) as boot:
        for _ in steps:
            said += 1
            assert boot.execute(busy.encode()).fetchone() == (0,)
    assert said == 3
