"""What `appliance doctor` says of the anchors of the audit log."""

import shutil
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from appliance.audit.anchors import Anchors, count_faults
from appliance.kernel.db import Database, DatabaseUnavailable
from appliance.ops.errors import CannotStart
from appliance.ops.preflight import Finding, Level

_NONE = "Whoever holds this host can make the log anew unseen. Name a witness: deploy/docs/anchors.md."
_EPOCH = (
    'Nothing is sealed in these logs. If a backup was restored: `appliance audit epoch --reason "…"`, and tell the auditors. If not, '
    "somebody altered the database: keep it as it is, and compare with the witness."
)


def check_anchors(anchors: Anchors, url: Callable[[], str]) -> list[Finding]:
    """Return whether anchors stand behind the log. `url` is that of the role that seals, and is called late."""
    if not anchors.names():
        return [Finding("anchors", Level.OK, f"none: the log is signed by this host alone. {_NONE}")]
    if anchors.stamps and shutil.which("openssl") is None:
        return [Finding("anchors", Level.FAIL, "openssl is missing, which judges time stamps", "apt-get install openssl")]
    try:
        db = Database(url(), pool_size=1, application="cloister-doctor")
    except CannotStart as error:
        return [Finding("anchors", Level.SKIPPED, "not looked at", str(error))]
    try:
        faults = count_faults(db)
    except (DatabaseUnavailable, DBAPIError):
        return [Finding("anchors", Level.SKIPPED, "not looked at without the database")]
    finally:
        db.close()
    bad = [f"{name} ({count})" for name, count in faults.items() if name.endswith((" behind", " forked"))]
    if bad:
        return [Finding("anchors", Level.FAIL, f"a witness contradicts logs: {', '.join(bad)}", _EPOCH)]
    if faults:
        remedy = "Packages written meanwhile are not anchored, and a worker that starts seals nothing. See that it runs and may be called."
        return [Finding("anchors", Level.WARN, f"away or refusing: {', '.join(faults)}", remedy)]
    return [Finding("anchors", Level.OK, f"{len(anchors.names())}: {', '.join(anchors.names())}")]
