"""What a model of another host is told of what people ask, and what they are shown of what it answers."""

import json
import random
import re
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import pytest

from appliance import chat
from appliance.audit import Event
from appliance.chat import Answered, ChatbotId, ChatBots, Cites, ConversationId, Message, Says
from appliance.chat.errors import AnswerBlocked, QuestionBlocked
from appliance.chat.surrogates import find_surrogates
from appliance.dlp import Action, Category, Direction, DlpBlocked, Family, PolicyRule
from appliance.gateway import Asking, ChatRequest, Endpoint, Turn
from appliance.kernel.egress import Cancel
from appliance.kernel.sealing import IntegrityError
from appliance.providers.errors import ModelMissing
from tests.support.house import House, Member
from tests.support.policies import put_in_force
from tests.support.scripted import Upstream, install_upstream

SURROGATE: Final = re.compile(r"\[[A-Z_]+_[0-9A-Z]{5}\]")
PERSONAL: Final = frozenset({Category.EMAIL, Category.IBAN, Category.PHONE})
NOTE: Final = "The lamps of the north gate are ordered from anna.schmidt@lamps.example, account DE89 3704 0044 0532 0130 00."


def rule(action: Action, *categories: Category, **more: object) -> PolicyRule:
    return PolicyRule(uuid4(), action, frozenset(categories), **more)  # type: ignore[arg-type]


def parrot(request: ChatRequest) -> str:
    """Say again all that was asked and found."""
    return "\n".join([request.question, *(passage.text for passage in request.passages)])


def begins(member: Member, chatbot_id: ChatbotId) -> ConversationId:
    with member.services.db.tenant(member.tenant_id) as tx:
        return chat.create_conversation(tx, member.caller, chatbot_id, clock=member.house.clock).conversation_id


def asks(member: Member, talk: ConversationId, question: str) -> tuple[str, Message, list[Cites]]:
    """Ask; return what was shown as it came, what is stored, and what was cited."""
    _, answer = member.services.chat.ask(member.caller, talk, question)
    steps = list(answer)
    done = next(step.message for step in steps if isinstance(step, Answered))
    return "".join(one.text for one in steps if isinstance(one, Says)), done, [one for one in steps if isinstance(one, Cites)]


def messages(member: Member, talk: ConversationId) -> list[Message]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return chat.list_messages(tx, member.caller, talk, sealer=member.services.vault)


def recorded(house: House, event: Event) -> list[dict[str, object]]:
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute("SELECT body FROM cloister.audit_inbox WHERE event = %s", [event.value]).fetchall()
    return [json.loads(row[0])["facts"] for row in rows]  # type: ignore[arg-type]


@pytest.fixture
def upstream(house: House, ada: Member) -> tuple[Upstream, ChatbotId]:
    return install_upstream(house, ada, parrot)


def test_a_model_elsewhere_sees_surrogates_and_the_asker_sees_values(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    model, chatbot_id = upstream
    ada.reads_in("Mail anna.schmidt@lamps.example.txt", NOTE)
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, *PERSONAL)])
    talk = begins(ada, chatbot_id)
    shown, stored, cites = asks(ada, talk, "Do I order the lamps of the north gate from anna.schmidt@lamps.example or bo@oil.example?")

    assert "@" not in model.told
    assert "3704" not in model.told
    assert len(set(SURROGATE.findall(model.told))) == 3
    assert shown == stored.body
    assert NOTE in shown
    assert "bo@oil.example" in shown
    assert not SURROGATE.search(shown)
    assert cites[0].citation.quote == stored.citations[0].quote == NOTE
    assert (stored.replaced, stored.removed, stored.warned) == (3, 0, 0)
    assert messages(ada, talk)[-1].replaced == 3
    assert [one["replaced"] for one in recorded(house, Event.VALUES_REPLACED)] == [3]
    assert "@" not in str(recorded(house, Event.VALUES_REPLACED))


def test_a_conversation_goes_on_with_the_surrogates_that_it_had(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, *PERSONAL)])
    talk, other = begins(ada, chatbot_id), begins(ada, chatbot_id)
    asks(ada, talk, "Write to anna@lamps.example.")
    asks(ada, talk, "And ANNA@lamps.example again?")
    asks(ada, other, "Write to anna@lamps.example.")

    first, second, elsewhere = (SURROGATE.findall(repr(one)) for one in model.requests)
    assert set(first) == set(second)
    assert set(first) != set(elsewhere)
    assert [turn.text for turn in model.requests[1].history] == [f"Write to {first[0]}."] * 2


def test_where_a_model_is_decides(house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.EMAIL, unless_terms=frozenset({"dpa"}))])
    ada.reads_in("lamps.txt", NOTE)

    assert "anna.schmidt@lamps.example" in ada.asks("Who do I order the lamps of the north gate from?").body  # on this host
    shown, *_ = asks(ada, begins(ada, chatbot_id), "From whom do I order the lamps of the north gate?")
    assert "anna.schmidt" not in model.told
    assert "[EMAIL]" in shown


def test_a_question_that_is_refused_is_kept_nowhere_and_on_record_without_its_words(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.IBAN, directions=frozenset({Direction.PROMPT}))])
    talk = begins(ada, chatbot_id)
    with pytest.raises(QuestionBlocked, match=r'IBAN.*by the rule "Rule 1"'):
        ada.services.chat.ask(ada.caller, talk, "Pay DE89 3704 0044 0532 0130 00 tomorrow.")
    with pytest.raises(DlpBlocked, match="payment card number"):
        ada.services.chat.ask(ada.caller, talk, "Pay with 4111 1111 1111 1111, exp 12/29.")

    assert messages(ada, talk) == []
    assert model.requests == []
    facts = recorded(house, Event.QUESTION_REFUSED)
    assert [one["rule"] for one in facts] == ["Rule 1", ""]
    assert "3704" not in str(facts)
    assert not recorded(house, Event.QUESTION_ASKED)


def test_what_was_allowed_once_is_not_sent_again_once_it_is_forbidden(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    model, chatbot_id = upstream
    talk = begins(ada, chatbot_id)
    asks(ada, talk, "Write to anna@lamps.example.")
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.EMAIL)])
    asks(ada, talk, "And then?")

    assert [turn.text for turn in model.requests[-1].history] == ["Write to [EMAIL]."] * 2


def test_an_answer_is_looked_at_with_its_surrogates_in_it(house: House, ada: Member) -> None:
    _, chatbot_id = install_upstream(house, ada, lambda request: f"{request.question} Not to eve@spy.example, though. That is all of it.")
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, Category.EMAIL)])
    shown, stored, _ = asks(ada, begins(ada, chatbot_id), "Write to anna@lamps.example.")

    assert shown == "Write to anna@lamps.example. Not to [EMAIL], though. That is all of it."
    assert (stored.replaced, stored.removed) == (1, 1)


def test_an_answer_that_is_not_to_go_on_ends_there(house: House, ada: Member) -> None:
    long = "All is well at the north gate, and the lamps are lit. " * 4
    _, chatbot_id = install_upstream(house, ada, lambda _: f"{long}Mail eve@spy.example about it. Then more words follow on it.")
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.EMAIL, directions=frozenset({Direction.ANSWER}))])
    talk = begins(ada, chatbot_id)
    _, answer = ada.services.chat.ask(ada.caller, talk, "How is it?")
    shown = list[str]()
    with pytest.raises(AnswerBlocked, match=r'e-mail address.*"Rule 1"'):
        for step in answer:
            shown += [step.text] if isinstance(step, Says) else []

    assert "".join(shown) == f"{long}Mail "
    assert (messages(ada, talk)[-1].body, messages(ada, talk)[-1].outcome) == (f"{long}Mail ", "stopped")


def test_whoever_stops_an_answer_has_what_was_said_so_far(house: House, ada: Member) -> None:
    _, chatbot_id = install_upstream(house, ada, lambda request: f"{request.question} " * 20)
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, Category.EMAIL)])
    talk = begins(ada, chatbot_id)
    _, answer = ada.services.chat.ask(ada.caller, talk, "Write to anna@lamps.example.")
    next(answer)
    answer.close()

    body = messages(ada, talk)[-1].body
    assert body.startswith("Write to anna@lamps.example.")
    assert not SURROGATE.search(body)


def test_cards_of_a_passage_do_not_come_back(house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE)])
    secret = "token " + "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    shown, stored, _ = asks(ada, begins(ada, chatbot_id), f"Use the GitHub {secret} for it, says anna@lamps.example.")

    assert "16C7e42F" not in model.told + shown
    assert "anna@lamps.example" in shown
    assert "[API_KEY]" in shown
    assert stored.removed >= 1


def test_a_chat_that_keeps_nothing_keeps_nothing_of_it(house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, Category.EMAIL)])
    said = [Turn("user", "Write to anna@lamps.example."), Turn("assistant", "To anna@lamps.example I wrote.")]
    _, answer = ada.services.chat.ask_unkept(ada.caller, chatbot_id, "Did anna@lamps.example answer?", said)
    shown = "".join(step.text for step in answer if isinstance(step, Says))

    assert shown == "Did anna@lamps.example answer?"
    assert "@" not in model.told
    assert len(set(SURROGATE.findall(model.told))) == 1
    with house.server.connect("boot", house.database) as boot:
        assert boot.execute("SELECT count(*) FROM cloister.conversation_surrogates").fetchone() == (0,)


def test_a_chatbot_as_a_model_passes_the_same(house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]) -> None:
    model, _ = upstream
    rules = [rule(Action.BLOCK, Category.IBAN, directions=frozenset({Direction.PROMPT})), rule(Action.TOKENISE, Category.EMAIL)]
    put_in_force(house, ada.tenant_id, rules)
    slug = next(one.slug for one in ChatBots(house.app.db, house.app.chat).find(ada.caller) if one.model == model.name)

    def asked(question: str) -> str:
        said = [{"role": "user", "content": "I wrote to anna@lamps.example."}, {"role": "assistant", "content": "Good."}]
        body = {"model": f"bot:{slug}", "messages": [*said, {"role": "user", "content": question}]}
        asking = Asking({}, "", "r", lambda: json.dumps(body).encode())
        answer = house.app.gate.ask(Endpoint.CHAT_COMPLETIONS, asking, ada.caller, cancel=Cancel()).body
        assert isinstance(answer, bytes)
        return str(json.loads(answer)["choices"][0]["message"]["content"])

    assert asked("And to bo@oil.example?") == "And to bo@oil.example?"
    assert "@" not in model.told
    assert [turn.text.startswith("I wrote to [EMAIL_") for turn in model.requests[0].history] == [True, False]
    with pytest.raises(QuestionBlocked):
        asked("Pay DE89 3704 0044 0532 0130 00.")
    assert len(model.requests) == 1


def test_what_a_program_says_that_a_model_said_is_looked_at_as_a_question_is(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.EMAIL, directions=frozenset({Direction.PROMPT}))])
    said = [Turn("user", "Go on."), Turn("assistant", "The address is anna@lamps.example.")]
    _, answer = ada.services.chat.ask_unkept(ada.caller, chatbot_id, "And then?", said)
    list(answer)

    assert [turn.text for turn in model.requests[0].history] == ["Go on.", "The address is [EMAIL]."]


def test_values_are_kept_sealed_at_their_conversation_and_go_with_it(
    house: House, ada: Member, bo: Member, upstream: tuple[Upstream, ChatbotId]
) -> None:
    _, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, Category.EMAIL)])
    talk, other = begins(ada, chatbot_id), begins(ada, chatbot_id)
    for one in (talk, other):
        asks(ada, one, f"Write to anna-{one.hex[:4]}@lamps.example.")
    with house.server.connect("boot", house.database) as boot:
        kept = boot.execute("SELECT sealed FROM cloister.conversation_surrogates").fetchall()
        assert len(kept) == 2
        assert b"lamps" not in repr(kept).encode()
        boot.execute(
            "UPDATE cloister.conversation_surrogates c SET sealed = o.sealed FROM cloister.conversation_surrogates o"
            " WHERE c.conversation_id = %s AND o.conversation_id = %s", [talk, other],
        )  # fmt: skip
    with house.app.db.tenant(bo.tenant_id) as tx:
        assert find_surrogates(tx, house.app.vault, other) is None
    with pytest.raises(IntegrityError):
        asks(ada, talk, "And now?")
    with house.app.db.tenant(ada.tenant_id) as tx:
        chat.delete_conversation(tx, ada.caller, other, sealer=house.app.vault)
    with house.server.connect("boot", house.database) as boot:
        left = boot.execute("SELECT conversation_id FROM cloister.conversation_surrogates").fetchall()
    assert left == [(talk,)]


def test_whoever_cannot_look_sends_nothing(
    house: House, ada: Member, upstream: tuple[Upstream, ChatbotId], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, Category.PERSON)])
    talk = begins(ada, chatbot_id)

    def broken(_text: str, *, whose: bytes = b"") -> Sequence[object]:
        del whose
        raise ModelMissing(model="rampart")

    monkeypatch.setattr(house.app.scanner._tagger, "tags", broken)
    with pytest.raises(ModelMissing):
        ada.services.chat.ask(ada.caller, talk, "Who is it?")

    assert model.requests == []


_TO_MODELS: Final = frozenset({Direction.PROMPT, Direction.PASSAGE})


def test_names_in_prose_are_told_as_surrogates(house: House, ada: Member, upstream: tuple[Upstream, ChatbotId]) -> None:
    model, chatbot_id = upstream
    put_in_force(house, ada.tenant_id, [PolicyRule(uuid4(), Action.TOKENISE, families=frozenset({Family.PERSONAL}), directions=_TO_MODELS)])
    ada.reads_in("visit.txt", "Dr. Margaret Okonkwo visited the north gate on Tuesday. Okonkwo said that the lamps were out.")
    shown, *_ = asks(ada, begins(ada, chatbot_id), "What did Margaret Okonkwo say about the lamps?")

    assert "Okonkwo" not in model.told
    assert "What did Margaret Okonkwo say" in shown
    assert "Okonkwo said that the lamps were out." in shown


def iban(chance: random.Random) -> str:
    account = f"{chance.randrange(10**18):018}"
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def values_of(chance: random.Random) -> list[str]:
    name = "".join(chance.choices("bcdfglmnprst", k=7))
    return [f"{name}@{name[::-1]}.example", iban(chance), f"+49 30 {chance.randrange(10**6, 10**7)}"]


FORMS: Final = ("[{}]", "{}", "**[{}]**", "`{}`", "[{}", "*{}*", "({})", "[ {} ]")


def wild(request: ChatRequest) -> str:
    """Write about all that was told, each surrogate in another form, and one that is invented."""
    chance = random.Random(request.question)
    told = [one[1:-1] for one in SURROGATE.findall(parrot(request) + repr(request.history))]
    said = [chance.choice(FORMS).format(chance.choice((one, one.lower(), one.replace("_", " "), one.replace("_", r"\_")))) for one in told]
    return " and then also ".join(["It is said", *said, "[PERSON_22A22]", "no more of it."])


@pytest.mark.parametrize("conversations", [24, pytest.param(1000, marks=pytest.mark.long)])
def test_no_value_leaves_and_no_surrogate_is_shown(house: House, ada: Member, conversations: int) -> None:
    chance = random.Random(54)
    model, chatbot_id = install_upstream(house, ada, wild, seed=54)
    put_in_force(house, ada.tenant_id, [rule(Action.TOKENISE, *PERSONAL)])
    ada.reads_in("lamps.txt", NOTE)
    for number in range(conversations):
        model.requests.clear()
        talk, values = begins(ada, chatbot_id), values_of(chance)
        questions = (f"Whose lamps are these: {values[0]}?", f"Pay {values[1]}, call {values[2]}, tell {values[0].upper()}.")
        for question in questions if number % 5 == 0 else (" ".join(questions),):
            shown, stored, _ = asks(ada, talk, question)
            assert shown == stored.body
            assert [one for one in SURROGATE.findall(shown.upper()) if one != "[PERSON_22A22]"] == []
            assert "[PERSON_22A22]" in shown, number
            assert values[0] in shown
        assert all(one in shown for one in (values[1], values[2])), (number, shown)
        codes = {one[-6:-1] for one in SURROGATE.findall(model.told)}
        assert not any(code in shown.upper() for code in codes - {"22A22"})
        told = model.told.lower()
        assert not any(one in told for one in (*values, values[1].lower(), values[2][-7:], "anna.schmidt", "3704 0044")), number
        assert len(codes) >= 3
