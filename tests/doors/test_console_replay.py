"""After a loss the operator lists at the console what a package still has, and cites it."""

import json
from pathlib import Path

from tests.doors.conftest import Console
from tests.rooms.test_log_replay import begins_anew, loses
from tests.support.house import House, Member
from tests.support.log_packages import exporting


def test_the_console_lists_and_cites(house: House, ada: Member, console: Console, tmp_path: Path) -> None:
    package, kept = loses(house, ada, exporting(house, tmp_path))
    begins_anew(house)
    listed = console("audit", "replay", str(package), "--in", str(ada.tenant_id))
    assert listed.exit_code == 0, (listed.output, listed.stderr)
    assert f"{kept} left here" in listed.output
    done = json.loads(console("audit", "replay", str(package), "--in", str(ada.tenant_id), "--cite", "--json").output)
    assert (done["kept"], done["cited"]) == (kept, len(done["lost"]))
    assert console("audit", "replay", str(package), "--in", "nobody").exit_code != 0
