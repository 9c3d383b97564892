"""Model calls, budgets, chatbots, conversations and citations. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create what the gateway records and what people talk in."""
    _gateway()
    _chat()
    _citations()


def _gateway() -> None:
    tenant_table(
        "model_calls",
        """call_id uuid NOT NULL,
           kind text NOT NULL CHECK (kind IN ('chat', 'embedding')),
           model text NOT NULL,
           provider text NOT NULL,
           actor_kind text NOT NULL,
           actor_id uuid,
           state text NOT NULL CHECK (state IN ('admitted', 'completed', 'failed', 'cancelled', 'abandoned')),
           reserved_tokens bigint NOT NULL CHECK (reserved_tokens >= 0),
           prompt_tokens bigint NOT NULL DEFAULT 0,
           answer_tokens bigint NOT NULL DEFAULT 0,
           cost_micros bigint NOT NULL DEFAULT 0,
           admitted_at timestamptz NOT NULL,
           settled_at timestamptz,
           PRIMARY KEY (tenant_id, call_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
    op.execute("CREATE INDEX model_calls_by_time ON model_calls (tenant_id, admitted_at)")
    op.execute("CREATE INDEX model_calls_open ON model_calls (tenant_id, admitted_at) WHERE state = 'admitted'")
    tenant_table(
        "budgets",
        """monthly_tokens bigint NOT NULL CHECK (monthly_tokens >= 0),
           set_by uuid NOT NULL,
           set_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id)""",
    )


def _chat() -> None:
    tenant_table(
        "chatbots",
        """chatbot_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           welcome text NOT NULL,
           instructions text NOT NULL,
           model text NOT NULL,
           created_by uuid,
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, chatbot_id)""",
    )
    tenant_table(
        "conversations",
        """conversation_id uuid NOT NULL,
           chatbot_id uuid NOT NULL,
           owner_id uuid NOT NULL,
           title text NOT NULL,
           created_at timestamptz NOT NULL,
           updated_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, conversation_id),
           FOREIGN KEY (tenant_id, chatbot_id) REFERENCES chatbots (tenant_id, chatbot_id),
           FOREIGN KEY (tenant_id, owner_id) REFERENCES memberships (tenant_id, user_id)""",
    )
    op.execute("CREATE INDEX conversations_by_owner ON conversations (tenant_id, owner_id, updated_at DESC)")
    tenant_table(
        "messages",
        """message_id uuid NOT NULL,
           conversation_id uuid NOT NULL,
           role text NOT NULL CHECK (role IN ('user', 'assistant')),
           body text NOT NULL,
           outcome text CHECK (outcome IN ('answered', 'abstained', 'stopped')),
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, message_id),
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX messages_by_conversation ON messages (tenant_id, conversation_id, message_id)")


def _citations() -> None:
    tenant_table(
        "citations",
        """message_id uuid NOT NULL,
           number integer NOT NULL,
           document_id uuid,
           chunk_id uuid,
           title text NOT NULL,
           heading text NOT NULL,
           page_from integer,
           page_to integer,
           quote text NOT NULL,
           PRIMARY KEY (tenant_id, message_id, number),
           FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, message_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE SET NULL (document_id),
           FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, chunk_id) ON DELETE SET NULL (chunk_id)""",
    )
    op.execute("CREATE INDEX citations_by_document ON citations (tenant_id, document_id)")
    op.execute("CREATE INDEX citations_by_chunk ON citations (tenant_id, chunk_id)")
