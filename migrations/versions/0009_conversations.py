"""Published chatbots, branching conversations, feedback, sharing, review. phase: expand

A chatbot's row is its draft; what people talk to is the version that was published last. Messages form a tree: asking
again or editing adds a branch, and `head_id` names the leaf that is shown. Who looked into somebody's conversation is
kept where that person can see it.
"""

from alembic import op

from migrations.rls import every_tenant, tenant_table

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Widen chatbots and conversations."""
    _settings()
    _chatbots()
    _messages()
    _feedback()
    _review()


def _settings() -> None:
    tenant_table(
        "organisation_settings",
        """conversation_review text NOT NULL DEFAULT 'off' CHECK (conversation_review IN ('off', 'audited', 'two_person')),
           link_hosts text[] NOT NULL DEFAULT '{}',
           PRIMARY KEY (tenant_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )


def _chatbots() -> None:
    op.execute(
        """ALTER TABLE chatbots
           ADD COLUMN slug text,
           ADD COLUMN temperature real NOT NULL DEFAULT 0 CHECK (temperature BETWEEN 0 AND 2),
           ADD COLUMN is_grounded boolean NOT NULL DEFAULT true,
           ADD COLUMN questions text[] NOT NULL DEFAULT '{}',
           ADD COLUMN collection_ids uuid[] NOT NULL DEFAULT '{}',
           ADD COLUMN audience text NOT NULL DEFAULT 'everyone' CHECK (audience IN ('everyone', 'groups')),
           ADD COLUMN published_version integer,
           ADD COLUMN archived_at timestamptz,
           ADD COLUMN updated_at timestamptz"""
    )
    tenant_table(
        "chatbot_versions",
        """chatbot_id uuid NOT NULL,
           version integer NOT NULL,
           name text NOT NULL,
           welcome text NOT NULL,
           instructions text NOT NULL,
           model text NOT NULL,
           temperature real NOT NULL,
           is_grounded boolean NOT NULL,
           questions text[] NOT NULL,
           collection_ids uuid[] NOT NULL,
           published_by uuid,
           published_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, chatbot_id, version),
           FOREIGN KEY (tenant_id, chatbot_id) REFERENCES chatbots (tenant_id, chatbot_id) ON DELETE CASCADE""",
        grants="SELECT, INSERT, DELETE",
    )
    _chatbot_groups()
    _publish_what_is_there()


def _chatbot_groups() -> None:
    tenant_table(
        "chatbot_groups",
        """chatbot_id uuid NOT NULL,
           group_id uuid NOT NULL,
           PRIMARY KEY (tenant_id, chatbot_id, group_id),
           FOREIGN KEY (tenant_id, chatbot_id) REFERENCES chatbots (tenant_id, chatbot_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, group_id) ON DELETE CASCADE""",
    )


def _publish_what_is_there() -> None:
    with every_tenant("chatbots", "chatbot_versions"):
        op.execute(
            """UPDATE chatbots SET slug = left(replace(chatbot_id::text, '-', ''), 20) || right(chatbot_id::text, 6),
                                   published_version = 1, updated_at = created_at"""
        )
        op.execute(
            """INSERT INTO chatbot_versions (tenant_id, chatbot_id, version, name, welcome, instructions, model, temperature,
                                             is_grounded, questions, collection_ids, published_by, published_at)
               SELECT tenant_id, chatbot_id, 1, name, welcome, instructions, model, temperature, is_grounded, questions,
                      collection_ids, created_by, created_at FROM chatbots"""
        )
    op.execute("ALTER TABLE chatbots ALTER COLUMN slug SET NOT NULL, ALTER COLUMN updated_at SET NOT NULL")
    op.execute("CREATE UNIQUE INDEX chatbots_by_slug ON chatbots (tenant_id, slug)")


def _messages() -> None:
    op.execute("ALTER TABLE messages ADD COLUMN parent_id uuid")
    op.execute(
        """ALTER TABLE conversations
           ADD COLUMN head_id uuid,
           ADD COLUMN shared_at timestamptz"""
    )
    with every_tenant("conversations", "messages"):
        op.execute(
            """UPDATE messages m SET parent_id = p.parent_id FROM (
                 SELECT tenant_id, message_id, lag(message_id) OVER (PARTITION BY tenant_id, conversation_id ORDER BY message_id) AS parent_id
                 FROM messages) p
               WHERE p.tenant_id = m.tenant_id AND p.message_id = m.message_id"""
        )
        op.execute(
            """UPDATE conversations c SET head_id = (
                 SELECT m.message_id FROM messages m WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id
                 ORDER BY m.message_id DESC LIMIT 1)"""
        )
    op.execute(
        "ALTER TABLE messages ADD FOREIGN KEY (tenant_id, parent_id) REFERENCES messages (tenant_id, message_id) ON DELETE CASCADE"
    )
    op.execute("CREATE INDEX messages_by_parent ON messages (tenant_id, parent_id)")
    op.execute("CREATE INDEX messages_by_time ON messages (tenant_id, created_at)")
    op.execute("CREATE INDEX conversations_by_time ON conversations (tenant_id, updated_at DESC, conversation_id)")


def _feedback() -> None:
    tenant_table(
        "feedback",
        """message_id uuid NOT NULL,
           user_id uuid NOT NULL,
           is_good boolean NOT NULL,
           comment text NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
           given_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, message_id, user_id),
           FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, message_id) ON DELETE CASCADE""",
    )


def _review() -> None:
    tenant_table(
        "review_requests",
        """request_id uuid NOT NULL,
           conversation_id uuid NOT NULL,
           requested_by uuid NOT NULL,
           reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
           requested_at timestamptz NOT NULL,
           decided_by uuid CHECK (decided_by <> requested_by),
           decided_at timestamptz,
           is_granted boolean,
           expires_at timestamptz,
           PRIMARY KEY (tenant_id, request_id),
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id) ON DELETE CASCADE""",
    )
    tenant_table(
        "conversation_views",
        """view_id uuid NOT NULL,
           conversation_id uuid NOT NULL,
           viewer_id uuid NOT NULL,
           reason text NOT NULL,
           viewed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, view_id),
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id) ON DELETE CASCADE""",
        grants="SELECT, INSERT",
    )
    op.execute("CREATE INDEX conversation_views_by_conversation ON conversation_views (tenant_id, conversation_id)")
