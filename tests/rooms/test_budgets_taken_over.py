"""The tokens a month of the version before go on as a budget, with what the month used."""

from uuid import UUID

from alembic import command
from alembic.script import ScriptDirectory

from appliance.kernel.db import make_engine
from appliance.kernel.ids import new_id
from appliance.ops import migrations
from tests.support.house import Server

ADA, BO = new_id(), new_id()


def test_the_monthly_budget_goes_on_with_what_the_month_used(server: Server) -> None:
    server.admin.execute("CREATE DATABASE taken_over")
    boot = make_engine(server.url("cloister_boot", "taken_over"), pool_size=1)
    migrations.prepare_roles(boot, server.passwords)
    boot.dispose()
    config = migrations._config()
    script = ScriptDirectory.from_config(config).get_revision("0034")
    assert isinstance(script.down_revision, str)
    migrator = make_engine(server.url("cloister_migrator", "taken_over"), pool_size=2)
    try:
        with migrator.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, script.down_revision)
        with server.connect("boot", "taken_over") as admin:
            admin.execute("INSERT INTO cloister.budgets VALUES (%s, 5000, %s, now()), (%s, 7, %s, now())", [ADA, ADA, BO, BO])
            for state, read, reserved, age in (("completed", 30, 900, "0"), ("admitted", 0, 400, "0"), ("completed", 8000, 0, "40 days")):
                admin.execute(
                    """INSERT INTO cloister.model_calls (tenant_id, call_id, kind, model, provider, actor_kind, state, reserved_tokens,
                         prompt_tokens, answer_tokens, admitted_at)
                       VALUES (%s, gen_random_uuid(), 'chat', 'm', 'local', 'user', %s, %s, %s, 0, now() - %s::interval)""",
                    [ADA, state, reserved, read, age],
                )
        migrations.upgrade(migrator)
        with server.connect("boot", "taken_over") as admin:
            found = admin.execute(
                """SELECT l.tenant_id, l.hard_limit, l.soft_limit, c.used, c.reserved FROM cloister.budget_limits l
                   JOIN cloister.budget_counters c USING (tenant_id, budget_id) ORDER BY l.hard_limit DESC"""
            ).fetchall()
    finally:
        migrator.dispose()
        server.drop("taken_over")

    assert found == [(UUID(str(ADA)), 5000, None, 430, 0), (UUID(str(BO)), 7, None, 0, 0)]
