"""The process that serves /v1 alone loads what it serves, and nothing that only its neighbours use: each megabyte of it stays."""

import json
import subprocess
import sys
from typing import Final

from tests.support.greenlets import environment
from tests.support.house import House
from tests.support.product import ROOT

SERVES: Final = """
from gevent import monkey
monkey.patch_all()
import json, sys
import appliance.greenlets
from appliance.wsgi import programs
programs()
print(json.dumps(sorted(sys.modules)))
"""
NEIGHBOURS: Final = (
    "alembic", "appliance.app", "appliance.assembly", "appliance.audit.anchors", "appliance.audit.ocsf", "appliance.audit.places",
    "appliance.audit.sinks", "appliance.chat", "appliance.evidence", "appliance.identity.invitations", "appliance.identity.passkeys",
    "appliance.identity.scim.protocol", "appliance.identity.setup", "appliance.identity.signin", "appliance.knowledge", "appliance.web", "babel",
    "click", "cryptography.x509", "dns", "flask", "httpx2", "jinja2", "joserfc", "lxml", "nh3", "numpy", "onnxruntime", "OpenSSL", "pgvector",
    "pypdfium2", "procrastinate", "reportlab", "rich", "scim2_models", "segno", "semantic_text_splitter", "Stemmer", "tokenizers", "webauthn",
    "werkzeug",
)  # fmt: skip


def test_the_gateways_process_loads_the_gate_and_nothing_that_its_neighbours_use(house: House) -> None:
    argv = [sys.executable, "-c", SERVES]
    done = subprocess.run(argv, cwd=ROOT, env=environment(house), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    loaded = set(json.loads(done.stdout))

    assert {"appliance.gateway.gate", "appliance.kernel.db", "gevent"} <= loaded
    assert loaded.isdisjoint(NEIGHBOURS), loaded.intersection(NEIGHBOURS)
