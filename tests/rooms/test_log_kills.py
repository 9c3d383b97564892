"""The sequencer is killed at any moment: no gap, no entry twice, nothing lost, nothing that stays unsealed."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from appliance import audit
from appliance.audit import Event
from appliance.proof.tree import leaf_hash, root_hash
from tests.rooms.test_sealed_log import head_of, inbox, log_of
from tests.support.house import House, Member

PROGRAM = """
import sys
from appliance.assembly import assemble, sealing
from appliance.settings import load
with sealing(assemble(load(), role="worker")) as sealer:
    sealer._most = 50
    print("sealing", flush=True)
    while True:
        sealer.round()
"""


def survives(house: House, ada: Member, *, rounds: int) -> None:
    chance, recorded = random.Random(7), 0
    with house.app.db.tenant(ada.tenant_id) as tx:
        before = len(audit.list_entries(tx, limit=1000))
    variables = {
        f"APPLIANCE_{name.upper()}": str(getattr(house.settings, name))
        for name in ("data_dir", "models_dir", "database_url")
    }
    for _ in range(rounds):
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=os.environ | variables, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "sealing\n"
        until = time.monotonic() + chance.uniform(0.01, 0.4)
        while time.monotonic() < until:
            with house.app.db.tenant(ada.tenant_id) as tx:
                for _ in range(60):
                    audit.record(tx, ada.caller.actor, Event.PROFILE_CHANGED)
            recorded += 60
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()
    house.seals()
    assert inbox(house) == 0
    found = log_of(house, ada.tenant_id)
    assert len(found) == before + recorded
    assert [at for at, _ in found] == list(range(len(found)))
    assert len({body for _, body in found}) == len(found), "none twice"
    said = head_of(house, ada.tenant_id)
    assert (said.size, said.root) == (len(found), root_hash(leaf_hash(body) for _, body in found))


def test_a_killed_sequencer_loses_and_doubles_nothing(house: House, ada: Member) -> None:
    survives(house, ada, rounds=2)


@pytest.mark.long
def test_a_sequencer_that_is_killed_again_and_again_loses_and_doubles_nothing(house: House, ada: Member) -> None:
    survives(house, ada, rounds=50)
