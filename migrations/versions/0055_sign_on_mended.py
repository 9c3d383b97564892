"""Sign-on, mended: own roles by invitation and mapping, domains that are looked at again. phase: expand

A domain that was verified stays so until it is looked at for the first time; from then on `lost_at` says since when its record
is missing, and `approved_until` until when an operator's word for it counts.
"""

from pathlib import Path

from alembic import op

from migrations.rls import as_doors, door, every_tenant

revision = "0055"
down_revision = "0054"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions"
_APPROVED_DAYS = 365


def upgrade() -> None:
    """Widen invitations, mappings and domains."""
    _own_roles()
    _domains()


def _own_roles() -> None:
    roles = "role IN ('owner', 'admin', 'auditor', 'member', 'operator', 'custom')"
    op.execute(
        f"""ALTER TABLE invitations DROP CONSTRAINT invitations_role_check, ADD COLUMN custom_role_id uuid,
             ADD CONSTRAINT invitations_role_check CHECK ({roles}),
             ADD CONSTRAINT invitations_custom_check CHECK ((role = 'custom') = (custom_role_id IS NOT NULL))"""
    )
    op.execute(
        """ALTER TABLE sso_mappings DROP CONSTRAINT sso_mappings_role_check, ADD COLUMN custom_role_id uuid,
             ADD CONSTRAINT sso_mappings_role_check CHECK (role IN ('owner', 'admin', 'auditor', 'member', 'custom')),
             ADD CONSTRAINT sso_mappings_custom_check CHECK ((role IS NOT DISTINCT FROM 'custom') = (custom_role_id IS NOT NULL)),
             ADD CONSTRAINT sso_mappings_custom_role FOREIGN KEY (tenant_id, custom_role_id)
               REFERENCES custom_roles (tenant_id, role_id)"""
    )
    op.execute("CREATE INDEX sso_mappings_custom ON sso_mappings (tenant_id, custom_role_id) WHERE custom_role_id IS NOT NULL")
    op.execute("DROP INDEX sso_mappings_once")
    op.execute(
        "CREATE UNIQUE INDEX sso_mappings_once ON sso_mappings"
        " (tenant_id, connection_id, said, coalesce(role, ''), group_id, custom_role_id) NULLS NOT DISTINCT"
    )


def _domains() -> None:
    op.execute(
        """ALTER TABLE sso_domains
             ADD COLUMN looked_at timestamptz,
             ADD COLUMN lost_at timestamptz,
             ADD COLUMN warned_at timestamptz,
             ADD COLUMN approved_until timestamptz"""
    )
    with every_tenant("sso_domains"):
        op.execute(
            f"UPDATE sso_domains SET approved_until = now() + interval '{_APPROVED_DAYS} days'"
            " WHERE verified_by = 'operator' AND verified_at IS NOT NULL"
        )
    op.execute("GRANT UPDATE (looked_at, lost_at, warned_at) ON sso_domains TO cloister_worker")
    op.execute("GRANT UPDATE (lost_at, warned_at, approved_until) ON sso_domains TO cloister_doors")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    as_doors((_FUNCTIONS / "sign_on_domains_2.sql").read_text())
    door("unverify_domain.sql", "unverify_domain(uuid)", roles=["cloister_worker"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
