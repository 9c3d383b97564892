"""Work beside gevent's loop: in processes of their own, as the loop takes threads' place in all of a process."""

import subprocess
import sys

from tests.support.product import ROOT

_BEGUN = """
from gevent import monkey
monkey.patch_all()
import faulthandler, gevent, time
from appliance.api.beside import Beside
faulthandler.dump_traceback_later(50, exit=True)
beside = Beside()
"""


def told(program: str) -> str:
    """Return what a program says; who waits for ever ends, and says where."""
    ended = subprocess.run([sys.executable, "-c", _BEGUN + program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_it_lets_the_loop_go_on_and_brings_back_what_it_raised() -> None:
    program = """
from appliance.kernel.errors import Refusal
ticks = []
def ticking():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)
gevent.spawn(ticking)
def works():
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        sum(range(1000))
    return beside(lambda: "within")
assert beside(works) == "within"
assert len(ticks) > 5, len(ticks)
def refuses():
    raise Refusal
try:
    beside(refuses)
except Refusal:
    print("refused")
"""
    assert told(program) == "refused\n"


def test_texts_that_come_first_and_at_once_are_all_looked_at() -> None:
    """Two calls at once, the first of a process, once waited for each other for ever: for what both load."""
    program = """
import sys
from pathlib import Path
from appliance import dlp
from appliance.dlp.rules import banking
from appliance.gateway.inspecting import Depth, Inspector, Need
from appliance.providers.local.catalogue import LABELS, TAGGER
from appliance.providers.local.tagger import LocalTagger
models = Path(sys.prefix) / "share/appliance/models"
iban = [one for one in banking.RULES if one.category is dlp.Category.IBAN]
def look(inspector, find):
    return len(getattr(inspector, find)(*asked(find)))
def asked(find):
    text, need = "Pay to DE89 3704 0044 0532 0130 00", Need(Depth.NAMES)
    return ([text] if find == "find_all" else text), need, dlp.NOTHING
for find in ("find_all", "find"):
    for _ in range(3):
        engine = dlp.Engine(iban, tagger=LocalTagger(models / TAGGER.name, LABELS, aside=beside))
        inspector = Inspector(lambda: engine, beside)
        looks = [gevent.spawn(beside if find == "find" else lambda work: work(), lambda: look(inspector, find)) for _ in range(6)]
        print({one.get() for one in looks})
"""
    assert told(program) == "{1}\n" * 6


def test_what_is_imported_first_by_several_at_once_keeps_nobody_waiting() -> None:
    """gevent's locks, in the place of those that each import takes, let threads aside wait for ever for what another one loads."""
    program = """
import importlib, sys
from importlib.machinery import ModuleSpec
class Modules:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.startswith("heavy") else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.made = sum(range(20_000))
sys.meta_path.insert(0, Modules())
sys.setswitchinterval(1e-6)
def loads():
    return len({importlib.import_module(f"heavy{number}").made for number in range(400)})
looks = [gevent.spawn(beside, loads) for _ in range(4)]
gevent.sleep(0)
print(loads(), *(one.get() for one in looks))
"""
    assert told(program) == "1 1 1 1 1\n"
