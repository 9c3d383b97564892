"""An organisation of any size, written straight into the database: for benches, and for laws on how pages grow.

Skewed as organisations are: few people ask most, few collections hold most, most things are older than a month; rows
stand in the order of time. All that has an address is there; vectors and postings are not, since no page reads them.
"""

import math
from dataclasses import astuple, dataclass, fields
from typing import Any, Self

from appliance import chat
from appliance.gateway.folding import fold
from appliance.kernel.ids import new_id
from tests.support.house import House, Member

# How people, collections and times are drawn: a few often, most seldom.
_SKEWED = "1 + floor(power(random(), 3) * {n})::int"
_AGE = "make_interval(secs => (power(random(), 0.7) * 365 * 86400)::int)"


@dataclass(frozen=True)
class Size:
    """How much there is of each. `own` are conversations of whoever looks; the longest has `longest` messages."""

    people: int
    groups: int
    collections: int
    documents: int
    passages: int
    chatbots: int
    conversations: int
    own: int
    longest: int
    entries: int
    calls: int
    tokens: int
    jobs: int
    requests: int
    organisations: int

    def times(self, factor: int) -> Self:
        """Return the same, larger."""
        return type(self)(*(number * factor for number in astuple(self)))


def fill(house: House, owner: Member, size: Size) -> dict[str, str]:
    """Add so much to the owner's organisation; return one id of each thing that has an address, the largest there is."""
    with house.server.connect("boot", house.database) as admin:
        admin.execute("SET search_path = cloister, public")
        admin.execute("SET session_replication_role = replica")  # what is written here is right by construction
        values = {field.name: getattr(size, field.name) for field in fields(size)}
        values |= {
            "tenant": owner.tenant_id, "ada": owner.caller.user_id, "mark": new_id().hex[-6:], "now": house.clock.now(),
            "admins": 1 + size.people // 200,
        }  # fmt: skip
        with admin.transaction():
            for part in (_PEOPLE, _GROUPS, _KNOWLEDGE, _CHATBOTS, _CONVERSATIONS, _ANSWERS, _RECORDS, _ELSEWHERE):
                for statement in filter(str.strip, part.split(";")):
                    admin.execute(_drawn(statement), values)
        found = admin.execute(_drawn(_IDS), values).fetchone()
        for table in ("people", "groups", "collections", "documents", "chatbots", "conversations", "organisations"):
            admin.execute(f"DROP TABLE crowd_{table}")
    # What the worker does in a running house: seals what is plain, adds up what was used; and Postgres tidies up after it.
    chat.seal_plain(house.worker.db, house.worker.vault, owner.tenant_id, seconds=math.inf)
    with house.worker.db.tenant(owner.tenant_id) as tx:
        fold(tx, clock=house.clock)
    house.seals()
    with house.server.connect("boot", house.database) as admin:
        admin.execute("VACUUM (ANALYZE)")
    names = (
        "user_id",
        "group_id",
        "collection_id",
        "document_id",
        "chatbot_id",
        "conversation_id",
        "other_id",
        "view_id",
    )
    ids = dict(zip(names, map(str, found or ()), strict=True))
    # A batch and an upload bear the id of the first document of theirs; who looked is an opening to programs.
    return ids | dict.fromkeys(("batch_id", "upload_id"), ids["document_id"]) | {"opening_id": ids["view_id"]}


def _drawn(statement: str) -> Any:
    for name in ("people", "groups", "collections", "documents", "chatbots", "conversations"):
        statement = statement.replace(f"SKEWED_{name}", _SKEWED.format(n=f"%({name})s"))
    return statement.replace("AGE", _AGE).encode()


_PEOPLE = """
CREATE TEMP TABLE crowd_people AS
  SELECT n, uuidv7(-AGE) AS user_id, 'Person ' || %(mark)s || ' ' || n AS name,
         n || '.' || %(mark)s || '@crowd.example' AS email, %(now)s - AGE AS at
  FROM generate_series(1, %(people)s) n;
INSERT INTO users (user_id, email, created_at) SELECT user_id, email, at FROM crowd_people;
INSERT INTO memberships (tenant_id, user_id, role, display_name, email, joined_at, suspended_at, kind)
  SELECT %(tenant)s, user_id, CASE WHEN n <= %(admins)s THEN 'admin' WHEN n %% 250 = 3 THEN 'auditor' ELSE 'member' END,
         name, email, at, CASE WHEN n %% 30 = 29 THEN %(now)s END, CASE WHEN n %% 40 = 7 THEN 'service' ELSE 'person' END
  FROM crowd_people;
INSERT INTO sessions (tenant_id, digest, user_id, created_at, last_seen_at, expires_at, address, agent, authenticated_at)
  SELECT %(tenant)s, sha256(convert_to(%(mark)s || n || ' ' || s, 'UTF8')), user_id, %(now)s - interval '2 days',
         %(now)s - AGE / 400, %(now)s + interval '1 day', '192.0.2.1', 'Mozilla/5.0 (X11 Linux x86_64) Firefox/140', %(now)s
  FROM crowd_people, generate_series(1, 2) s WHERE n %% 3 > 0;
INSERT INTO sessions (tenant_id, digest, user_id, created_at, last_seen_at, expires_at, address, agent, authenticated_at)
  SELECT %(tenant)s, sha256(convert_to(%(mark)s || 'own ' || s, 'UTF8')), %(ada)s, %(now)s, %(now)s, %(now)s + interval '1 day',
         '192.0.2.1', 'Mozilla/5.0', %(now)s FROM generate_series(1, 2) s;
INSERT INTO invitations (tenant_id, invitation_id, digest, email, role, created_at, expires_at)
  SELECT %(tenant)s, uuidv7(), sha256(convert_to(%(mark)s || n, 'UTF8')), 'invited.' || email, 'member', %(now)s,
         %(now)s + interval '7 days' FROM crowd_people WHERE n <= 1 + %(people)s / 10
"""

_GROUPS = """
CREATE TEMP TABLE crowd_groups AS
  SELECT n, uuidv7() AS group_id FROM generate_series(1, %(groups)s) n;
INSERT INTO groups (tenant_id, group_id, name, created_at)
  SELECT %(tenant)s, group_id, 'Group ' || %(mark)s || ' ' || n, %(now)s FROM crowd_groups;
INSERT INTO group_members (tenant_id, group_id, user_id)
  SELECT DISTINCT %(tenant)s::uuid, g.group_id, p.user_id
  FROM (SELECT SKEWED_groups AS g, 1 + floor(random() * %(people)s)::int AS p FROM generate_series(1, %(people)s * 5)) AS drawn
  JOIN crowd_groups g ON g.n = drawn.g JOIN crowd_people p ON p.n = drawn.p
"""

_KNOWLEDGE = """
CREATE TEMP TABLE crowd_collections AS
  SELECT n, uuidv7() AS collection_id FROM generate_series(1, %(collections)s) n;
INSERT INTO collections (tenant_id, collection_id, name, audience, created_at)
  SELECT %(tenant)s, collection_id, 'Collection ' || %(mark)s || ' ' || n, CASE WHEN n %% 3 = 2 THEN 'groups' ELSE 'everyone' END,
         %(now)s FROM crowd_collections;
INSERT INTO collection_groups (tenant_id, collection_id, group_id)
  SELECT %(tenant)s, c.collection_id, g.group_id FROM crowd_collections c JOIN crowd_groups g ON g.n %% 20 = c.n %% 20
  WHERE c.n %% 3 = 2;
CREATE TEMP TABLE crowd_documents AS
  SELECT n, uuidv7(-age) AS document_id, %(now)s - age AS at, SKEWED_collections AS c, SKEWED_people AS p
  FROM (SELECT n, AGE AS age FROM generate_series(1, %(documents)s) n) AS drawn ORDER BY age DESC;
INSERT INTO batches (tenant_id, batch_id, created_by, created_at)
  SELECT %(tenant)s, document_id, %(ada)s, at FROM crowd_documents WHERE n %% 4 = 1;
INSERT INTO uploads (tenant_id, upload_id, user_id, file_name, byte_count, received_count, is_separate, began_at)
  SELECT %(tenant)s, document_id, %(ada)s, 'large.pdf', 100, 0, false, %(now)s FROM crowd_documents WHERE n %% 16 = 1 AND n <= 480; -- fewer than one person may have
INSERT INTO documents (tenant_id, document_id, batch_id, collection_id, file_name, title, media_type, byte_count, content_digest, status,
                       reason_code, reason, page_count, chunk_count, uploaded_by, uploaded_at, ready_at)
  SELECT %(tenant)s, d.document_id, b.document_id, c.collection_id, 'document-' || d.n || '.pdf', 'Document ' || md5(d.n::text) || ' of the year',
         'application/pdf', 20000 + d.n * 37, sha256(convert_to(%(mark)s || d.n, 'UTF8')),
         CASE WHEN d.n %% 100 = 7 THEN 'failed' WHEN d.n %% 200 = 9 THEN 'quarantined' WHEN d.n %% 500 = 3 THEN 'received' ELSE 'ready' END,
         CASE WHEN d.n %% 100 = 7 THEN 'unreadable' END, CASE WHEN d.n %% 100 = 7 THEN 'It could not be read.' END,
         12, CASE WHEN d.n = 1 THEN %(passages)s ELSE 10 END, p.user_id, d.at, d.at
  FROM crowd_documents d JOIN crowd_collections c ON c.n = d.c JOIN crowd_people p ON p.n = d.p
  JOIN crowd_documents b ON b.n = d.n - (d.n - 1) %% 4;
INSERT INTO chunks (tenant_id, chunk_id, document_id, position, heading, body, page_from, page_to, start_at, end_at, term_count)
  SELECT %(tenant)s, uuidv7(), document_id, i, 'Chapter ' || i / 5, repeat('The caretaker opens the south door at six. ', 25),
         1 + i / 3, 1 + i / 3, i * 1000, i * 1000 + 999, 200
  FROM crowd_documents d, generate_series(0, CASE WHEN n = 1 THEN %(passages)s ELSE 10 END - 1) i WHERE n <= 1 + %(documents)s / 50
"""

_CHATBOTS = """
CREATE TEMP TABLE crowd_chatbots AS SELECT n, uuidv7() AS chatbot_id FROM generate_series(1, %(chatbots)s) n;
INSERT INTO chatbots (tenant_id, chatbot_id, slug, name, welcome, instructions, model, audience, published_version, archived_at,
                      created_at, updated_at)
  SELECT %(tenant)s, chatbot_id, right(chatbot_id::text, 12), 'Chatbot ' || n, 'Ask about the building.', '', 'extractive',
         CASE WHEN n %% 3 = 2 THEN 'groups' ELSE 'everyone' END, CASE WHEN n %% 10 <> 3 THEN 1 END, CASE WHEN n %% 10 = 4 THEN %(now)s END,
         %(now)s, %(now)s FROM crowd_chatbots;
INSERT INTO chatbot_versions (tenant_id, chatbot_id, version, name, welcome, instructions, model, temperature, is_grounded,
                              questions, collection_ids, published_at)
  SELECT tenant_id, chatbot_id, 1, name, welcome, instructions, model, temperature, is_grounded, questions, collection_ids, updated_at
  FROM chatbots JOIN crowd_chatbots USING (chatbot_id) WHERE published_version = 1;
INSERT INTO chatbot_groups (tenant_id, chatbot_id, group_id)
  SELECT %(tenant)s, c.chatbot_id, g.group_id FROM crowd_chatbots c JOIN crowd_groups g ON g.n %% 20 = c.n %% 20 WHERE c.n %% 3 = 2
"""

_CONVERSATIONS = """
CREATE TEMP TABLE crowd_conversations AS
  SELECT drawn.n, uuidv7(-age) AS conversation_id, %(now)s - age AS at, p.user_id, c.chatbot_id, drawn.n <= %(own)s AS is_own,
         CASE WHEN drawn.n = 1 THEN %(longest)s ELSE (1 + drawn.n %% 3) * 2 END AS messages
  FROM (SELECT n, CASE WHEN n = 1 THEN interval '1 minute' ELSE AGE END AS age, SKEWED_people AS p,
               CASE WHEN n = 1 THEN 1 ELSE SKEWED_chatbots END AS c
        FROM generate_series(1, %(conversations)s) n) AS drawn
  JOIN crowd_people p ON p.n = drawn.p JOIN crowd_chatbots c ON c.n = drawn.c ORDER BY age DESC;
UPDATE crowd_conversations SET user_id = %(ada)s WHERE is_own;
INSERT INTO conversations (tenant_id, conversation_id, chatbot_id, owner_id, title, created_at, updated_at, shared_at)
  SELECT %(tenant)s, conversation_id, chatbot_id, user_id, 'When does the door number ' || n || ' of the east wing open?', at, at,
         CASE WHEN n %% 10 = 1 THEN at END
  FROM crowd_conversations ORDER BY at
"""

_ANSWERS = """
CREATE TEMP TABLE crowd_messages AS
  SELECT conversation_id, i, uuidv7(at - %(now)s + make_interval(secs => i)) AS message_id,
         at + make_interval(secs => i) AS at, n
  FROM crowd_conversations, generate_series(1, messages) i;
CREATE INDEX ON crowd_messages (conversation_id, i);
INSERT INTO messages (tenant_id, message_id, conversation_id, parent_id, role, body, outcome, created_at)
  SELECT %(tenant)s, message_id, conversation_id, lag(message_id) OVER (PARTITION BY conversation_id ORDER BY i),
         CASE WHEN i %% 2 = 1 THEN 'user' ELSE 'assistant' END,
         CASE WHEN i %% 2 = 1 THEN 'When does the door number ' || n || ' open in week ' || i || '?'
              ELSE repeat('The door opens at six in the morning, and at eight on feast days [1]. ', 4) END,
         CASE WHEN i %% 2 = 0 THEN 'answered' END, at
  FROM crowd_messages ORDER BY at;
UPDATE conversations c SET head_id = m.message_id
  FROM (SELECT DISTINCT ON (conversation_id) conversation_id, message_id FROM crowd_messages ORDER BY conversation_id, i DESC) AS m
  WHERE c.conversation_id = m.conversation_id;
INSERT INTO citations (tenant_id, message_id, number, document_id, title, heading, page_from, page_to, quote)
  SELECT %(tenant)s, m.message_id, 1, d.document_id, 'Document', 'Chapter', 1, 1, 'The door opens at six in the morning.'
  FROM crowd_messages m JOIN crowd_documents d ON d.n = 1 + m.n %% %(documents)s WHERE m.i %% 2 = 0;
INSERT INTO feedback (tenant_id, message_id, user_id, is_good, given_at)
  SELECT %(tenant)s, m.message_id, c.user_id, true, m.at
  FROM crowd_messages m JOIN crowd_conversations c USING (conversation_id) WHERE m.i %% 8 = 2;
DROP TABLE crowd_messages
"""

_RECORDS = """
INSERT INTO audit_inbox (tenant_id, event_id, event, body, recorded_at)
  SELECT %(tenant)s, event_id, event, convert_to(format(
    '{"actor":{"address":"192.0.2.1","id":"%%s","kind":"user"},"at":"%%s","event":"%%s","event_id":"%%s","facts":{"kind":"chat","model":"extractive"},"outcome":"success","request_id":"%%s","subject":"%%s","tenant_id":"%%s","version":1}',
    user_id, to_char(drawn.at, 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'), event, event_id, event_id, event_id, %(tenant)s::uuid), 'UTF8'), drawn.at
  FROM (SELECT uuidv7(-age) AS event_id, %(now)s - age AS at, SKEWED_people AS p,
               CASE WHEN n %% 9 = 1 THEN 'identity:session:opened' ELSE 'gateway:call:settled' END AS event
        FROM (SELECT n, AGE AS age FROM generate_series(1, %(entries)s) n) AS aged) AS drawn JOIN crowd_people p ON p.n = drawn.p ORDER BY drawn.at;
INSERT INTO model_calls (tenant_id, call_id, kind, model, provider, actor_kind, actor_id, state, reserved_tokens, prompt_tokens,
                         answer_tokens, admitted_at, settled_at)
  SELECT %(tenant)s, uuidv7(-age), CASE WHEN i %% 2 = 0 THEN 'chat' ELSE 'embedding' END, 'extractive', 'local', 'user', p.user_id,
         'completed', 900, 600, 80, %(now)s - age, %(now)s - age
  FROM (SELECT i, AGE AS age, SKEWED_people AS p FROM generate_series(1, %(calls)s) i) AS drawn JOIN crowd_people p ON p.n = drawn.p
  ORDER BY age DESC;
INSERT INTO api_tokens (tenant_id, token_id, digest, user_id, name, hint, scopes, created_by, created_at, expires_at)
  SELECT %(tenant)s, uuidv7(), sha256(convert_to(%(mark)s || i, 'UTF8')), p.user_id, 'Token ' || i, 'abcd', '{chat}', p.user_id,
         %(now)s, %(now)s + interval '30 days'
  FROM (SELECT i, SKEWED_people AS p FROM generate_series(1, %(tokens)s) i) AS drawn JOIN crowd_people p ON p.n = drawn.p;
INSERT INTO procrastinate_jobs (tenant_id, queue_name, task_name, args, status)
  SELECT %(tenant)s, 'default', 'knowledge.ingest', jsonb_build_object('tenant_id', %(tenant)s::uuid, 'subject', d.document_id),
         CASE WHEN d.n %% 3 = 0 THEN 'failed' ELSE 'todo' END::procrastinate_job_status
  FROM crowd_documents d WHERE d.n <= %(jobs)s;
INSERT INTO review_requests (tenant_id, request_id, conversation_id, requested_by, reason, requested_at, decided_by, decided_at, is_granted)
  SELECT %(tenant)s, uuidv7(), c.conversation_id, p.user_id, 'A complaint about an answer', %(now)s, CASE WHEN c.n %% 2 = 0 THEN %(ada)s::uuid END,
         CASE WHEN c.n %% 2 = 0 THEN %(now)s END, CASE WHEN c.n %% 2 = 0 THEN true END
  FROM crowd_conversations c JOIN crowd_people p ON p.n = 1 + c.n %% %(admins)s WHERE c.n <= %(requests)s;
INSERT INTO conversation_views (tenant_id, view_id, conversation_id, viewer_id, reason, viewed_at)
  SELECT %(tenant)s, uuidv7(), c.conversation_id, p.user_id, 'A complaint about an answer', %(now)s
  FROM crowd_conversations c, crowd_people p WHERE c.n = 1 AND p.n <= %(requests)s;
INSERT INTO conversation_views (tenant_id, view_id, conversation_id, viewer_id, reason, viewed_at)
  SELECT %(tenant)s, uuidv7(), conversation_id, %(ada)s, 'A complaint about an answer', %(now)s
  FROM crowd_conversations WHERE n IN (1, %(conversations)s)
"""

_ELSEWHERE = """
CREATE TEMP TABLE crowd_organisations AS
  SELECT n, uuidv7() AS tenant_id FROM generate_series(1, %(organisations)s) n;
INSERT INTO organisations (tenant_id, name, created_at) SELECT tenant_id, 'Elsewhere ' || n, %(now)s FROM crowd_organisations;
INSERT INTO memberships (tenant_id, user_id, role, display_name, email, joined_at)
  SELECT o.tenant_id, p.user_id, 'member', p.name, p.email, p.at FROM crowd_organisations o JOIN crowd_people p ON p.n <= 20
"""

_IDS = """
SELECT (SELECT user_id FROM crowd_people WHERE n = 1), (SELECT group_id FROM crowd_groups WHERE n = 1),
       (SELECT collection_id FROM crowd_collections WHERE n = 1), (SELECT document_id FROM crowd_documents WHERE n = 1),
       (SELECT chatbot_id FROM crowd_chatbots WHERE n = 1), (SELECT conversation_id FROM crowd_conversations WHERE n = 1),
       (SELECT conversation_id FROM crowd_conversations WHERE n = %(conversations)s),
       (SELECT v.view_id FROM conversation_views v JOIN crowd_conversations c USING (conversation_id)
        WHERE c.n = %(conversations)s AND v.viewer_id = %(ada)s LIMIT 1)
"""
