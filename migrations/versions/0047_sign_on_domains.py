"""Sign-on: the domains that organisations prove to be theirs, and links by which somebody else sets a connection up. phase: expand

Only the door marks a domain as verified, so that a domain is one organisation's alone, and the others learn no more than
that they cannot have it.
"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Create the tables and their doors."""
    tenant_table(
        "sso_domains",
        """domain_id uuid NOT NULL,
           domain text NOT NULL CHECK (domain = lower(domain) AND length(domain) BETWEEN 3 AND 253),
           challenge text NOT NULL,
           added_by uuid,
           added_at timestamptz NOT NULL,
           verified_at timestamptz,
           verified_by text CHECK (verified_by IN ('dns', 'operator')),
           PRIMARY KEY (tenant_id, domain_id),
           UNIQUE (tenant_id, domain),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
        grants="SELECT, DELETE, INSERT (tenant_id, domain_id, domain, challenge, added_by, added_at)",
    )
    op.execute("CREATE UNIQUE INDEX sso_domains_once ON sso_domains (domain) WHERE verified_at IS NOT NULL")
    open_to_doors("sso_domains", grants="SELECT, UPDATE (verified_at, verified_by)")
    tenant_table(
        "sso_links",
        """link_id uuid NOT NULL,
           connection_id uuid NOT NULL,
           digest bytea NOT NULL CHECK (octet_length(digest) = 32),
           created_by uuid,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, link_id),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX sso_links_by_digest ON sso_links (digest)")
    open_to_doors("sso_links", grants="SELECT (tenant_id, connection_id, digest)")
    op.execute("GRANT SELECT (state, created_at) ON sso_connections TO cloister_doors")
    op.execute("CREATE INDEX sso_connections_by_id ON sso_connections (connection_id)")
    op.execute("CREATE UNIQUE INDEX sso_connections_by_name ON sso_connections (tenant_id, lower(name))")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door(
        "sign_on_domains.sql", "verify_domain(uuid, text, timestamptz)", "find_sign_on(text)",
        "resolve_connection_link(bytea)", roles=RUNTIME,
    )  # fmt: skip
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
