"""The names of the migrations' files say what Alembic reads in them."""

from alembic.script import ScriptDirectory

from appliance.ops import migrations


def test_it_knows_the_revisions_that_alembic_knows() -> None:
    scripts = ScriptDirectory.from_config(migrations._config())

    assert migrations.head_revision() == scripts.get_current_head()
    assert {script.revision for script in scripts.walk_revisions()} == set(migrations._revisions())
