"""Finding: in every language, within a scope, without repetitions, and with what stands around."""

from datetime import timedelta

import psycopg
import pytest

from appliance import knowledge
from appliance.gateway import Asker
from appliance.identity import Role
from appliance.knowledge import Found, Scope
from appliance.knowledge.indexes import DEFAULT
from appliance.knowledge.scope import EVERYTHING
from appliance.ops.vector_indexes import Tended, tend
from tests.support.house import House, Member, Server

LEAVE = (
    "Employees receive 28 days of paid leave per calendar year. Requests are made two weeks ahead to the line manager."
)
FIRE = "The fire drill takes place every March. When the alarm sounds, leave the building by the nearest stairs."


def finds(member: Member, question: str, scope: Scope = EVERYTHING, *, limit: int = 6, share: float = 0.5) -> Found:
    vector = member.services.gateway.embed_query(
        Asker(member.tenant_id, member.caller.actor), question, model=DEFAULT.name
    )
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.search(tx, question, vector, scope=scope, limit=limit, lexical_share=share)


def titles(found: Found) -> list[str]:
    return [passage.title for passage in found.passages]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Die Kündigungen der Verträge müssen schriftlich erfolgen.", "Wie erfolgt eine Kündigung des Vertrags?"),
        ("Les salariés bénéficient de congés payés chaque année.", "Quel congé payé pour un salarié ?"),
        ("Los empleados reciben vacaciones pagadas cada año.", "¿Qué vacación pagada recibe un empleado?"),
        ("Сотрудники получают оплачиваемый отпуск каждый год.", "Какой отпуск получает сотрудник?"),
        ("社員は毎年有給休暇を取得できます。", "有給休暇は?"),
        ("يحصل الموظفون على إجازات مدفوعة كل سنة.", "ما هي إجازة الموظف؟"),
    ],
)
def test_it_finds_inflected_words_of_many_languages_by_words_alone(ada: Member, text: str, question: str) -> None:
    ada.reads_in("wanted.txt", text)
    for number in range(3):
        ada.reads_in(f"other-{number}.txt", f"{FIRE} This is rule {number}.")

    assert titles(finds(ada, question, share=1.0))[0] == "wanted"


def test_it_finds_nothing_in_an_empty_house(ada: Member) -> None:
    assert finds(ada, "How many days of leave?").passages == ()


def test_it_searches_only_where_it_is_told_to(house: House, ada: Member) -> None:
    old = ada.reads_in("old.txt", f"{LEAVE} This is the text of old.")
    house.clock.passes(days=10)
    ada.reads_in("new.md", f"# New\n\n{LEAVE} This is the newer one, in Markdown.")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        tx.connection().exec_driver_sql(
            "UPDATE documents SET labels = '{hr,policy}' WHERE document_id = %s", (old.document_id,)
        )
    day = house.clock.now() - timedelta(days=1)
    question = "How many days of leave do employees receive?"

    assert set(titles(finds(ada, question))) == {"old", "New"}
    assert titles(finds(ada, question, Scope(labels=frozenset({"hr", "it"})))) == ["old"]
    assert titles(finds(ada, question, Scope(media_types=frozenset({"text/markdown"})))) == ["New"]
    assert titles(finds(ada, question, Scope(uploaded_before=day))) == ["old"]
    assert titles(finds(ada, question, Scope(uploaded_from=day))) == ["New"]
    assert titles(finds(ada, question, Scope(collections=frozenset()))) == []


def test_it_shows_a_repeated_passage_once_and_still_knows_where_it_stands(ada: Member) -> None:
    for number, name in enumerate(("one.txt", "two.txt", "three.txt")):
        ada.reads_in(name, LEAVE + "\n" * number)
    ada.reads_in("contradiction.txt", LEAVE.replace("28", "30"))

    found = finds(ada, "How many days of leave do employees receive?")

    assert len(found.passages) == 2
    repeated = next(passage for passage in found.passages if "28 days" in passage.body)
    assert {repeated.title, *(twin.title for twin in repeated.twins)} == {"one", "two", "three"}


def test_it_cites_every_document_that_says_it(ada: Member) -> None:
    ada.reads_in("one.txt", LEAVE)
    ada.reads_in("two.txt", f"{LEAVE}\n")

    answer = ada.asks("How many days of paid leave do employees receive?")

    assert {citation.title for citation in answer.citations} == {"one", "two"}
    assert all("28 days" in citation.quote for citation in answer.citations)


def test_it_reads_what_stands_around_a_passage_and_cites_it_where_it_stands(ada: Member) -> None:
    head = "The reception is open from eight. " * 30
    ada.reads_in(
        "house.md", f"# House\n\n{head}\n\n## Visitors\n\nVisitors wear a badge. {LEAVE * 8}\n\n## Keys\n\n{FIRE}"
    )

    found = finds(ada, "Who wears a badge?", limit=1)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        context = knowledge.surroundings(tx, found.passages)[0]

    assert context.passage.body in context.text
    assert len(context.passage.body) < len(context.text) <= len(context.passage.body) + 2 * 402
    for part in context.parts:
        said = part.passage.body[part.offset :]
        shown = context.text[part.start :][: len(said)]
        assert said.startswith(shown[:40])
        assert context.source(part.start).chunk_id == part.passage.chunk_id
    assert len({part.passage.chunk_id for part in context.parts}) > 1


def test_it_counts_nothing_of_what_a_colleague_may_not_read(house: House, ada: Member) -> None:
    ada.reads_in("secret.txt", LEAVE)
    bo = ada.adds("bo@harrow.example", Role.MEMBER)

    found = finds(bo, "How many days of leave?", Scope(collections=frozenset()))

    assert (found.passages, dict(found.term_weights)) == ((), {})


def test_it_gives_a_large_organisation_an_index_of_its_own_and_takes_it_back(server: Server, ada: Member) -> None:
    url = server.url("cloister_migrator", ada.house.database)
    documents = [ada.reads_in(f"{number}.txt", f"{LEAVE} This is text {number}.") for number in range(4)]
    question = "How many days of leave do employees receive?"
    exact = titles(finds(ada, question))

    built = tend(url, threshold=4).built

    assert len(built) == 1
    assert titles(finds(ada, question)) == exact
    assert plan_uses(ada, built[0])
    assert tend(url, threshold=4).built == ()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for document in documents[1:]:
            knowledge.delete(tx, ada.caller, document.document_id)
    assert tend(url, threshold=4).dropped == built
    assert titles(finds(ada, question)) == [documents[0].title]


def test_it_builds_a_half_built_index_again(server: Server, ada: Member) -> None:
    url = server.url("cloister_migrator", ada.house.database)
    ada.reads_in("one.txt", LEAVE)
    [name] = tend(url, threshold=1).built
    with server.connect("boot", ada.house.database) as boot:
        boot.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (f"cloister.{name}",))

    assert titles(finds(ada, "How many days of leave?")) == ["one"]
    assert tend(url, threshold=1) == Tended(built=(name,), dropped=(name,))


def test_no_runtime_role_can_count_or_build_across_organisations(server: Server, ada: Member) -> None:
    for role in ("app", "worker", "sealer", "auditor"):
        with server.connect(role, ada.house.database) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM cloister.count_passages(0)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE INDEX mine ON cloister.chunk_vectors (tenant_id)")


def plan_uses(member: Member, index: str) -> bool:
    with member.services.db.tenant(member.tenant_id) as tx:
        connection = tx.connection()
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_sort = off")
        vector = "[" + ",".join(["0.1"] * 384) + "]"
        plan = connection.exec_driver_sql(
            f"EXPLAIN SELECT chunk_id FROM chunk_vectors v WHERE tenant_id = '{member.tenant_id}' AND model = "
            f"'multilingual-e5-small' ORDER BY v.e::halfvec(384) <=> '{vector}'::halfvec(384) LIMIT 10"
        )
        return index in "\n".join(str(row[0]) for row in plan)
