"""What the policy on data costs a call: how far a stream is held back, and what looking through a request takes."""

import time
from collections.abc import Callable, Iterator
from statistics import quantiles
from typing import Final
from uuid import uuid4

from appliance import dlp
from appliance.dlp import (
    Action,
    Category,
    Circumstances,
    Direction,
    Engine,
    Flowing,
    Policy,
    PolicyRule,
    Stretch,
    decide,
)
from appliance.dlp.surrogate_forms import redacted
from appliance.gateway.inspecting import Depth, Inspector, Need
from appliance.kernel.computing import here

Result = dict[str, str | float]
PROSE: Final = (
    "The report of the third quarter was sent to everybody on Monday, and all who read it agreed that the numbers are good. "
    "Please write to anna.schmidt@example.org before Friday, or call her, and tell Margaret Okonkwo that she need not come. "
)
TIMES: Final = 200


def run(rules: Engine, whole: Engine) -> list[Result]:
    """Measure these."""
    return [*_delays(rules), *_added(rules, "rules"), *_added(whole, "names"), *_history(whole)]


def _delays(rules: Engine) -> Iterator[Result]:
    policy = Policy(1, (PolicyRule(uuid4(), Action.REDACT, frozenset({Category.EMAIL})),))

    def treat(text: str) -> list[Stretch]:
        found = decide(policy, rules.inspect(text), Circumstances(Direction.ANSWER)).decided
        return [Stretch(one, redacted(one.finding.category)) for one in found]

    flowing, behind, at = Flowing(treat), list[int](), 0
    for number in range(1, len(PROSE) * 20 + 1):
        at += sum(length for length, _ in flowing.advance(PROSE[(number - 1) % len(PROSE)]))
        behind.append(number - at)
    cuts = quantiles(behind, n=20)
    yield {"name": "dlp.stream_delay_chars_p50", "value": cuts[9], "unit": "characters"}
    yield {"name": "dlp.stream_delay_chars_p95", "value": cuts[18], "unit": f"characters, at most {max(behind)}"}


def _added(engine: Engine, name: str) -> Iterator[Result]:
    """Look through a request of 1 KB as the gateway does, and decide."""
    inspector = Inspector(lambda: engine, here)
    need = Need(Depth.NAMES if name == "names" else Depth.RULES)
    texts = ["model", "openai/gpt-6", "messages", "role", "user", "content", (PROSE * 5)[:1024]]
    policy = Policy(1, (PolicyRule(uuid4(), Action.REDACT, frozenset({Category.EMAIL, Category.PERSON})),))

    def looks() -> None:
        for found in inspector.find_all(texts, need, dlp.NOTHING):
            decide(policy, found, Circumstances(Direction.PROMPT))

    looks()
    for clock, of in ((time.perf_counter, ""), (time.process_time, ".cpu")):
        cuts = quantiles(sorted(_timed(looks, clock) for _ in range(TIMES if name == "rules" else TIMES // 4)), n=20)
        yield {"name": f"dlp.gateway_added_ms.{name}{of}", "value": cuts[9], "unit": f"ms for a request of 1 KB; p95 {cuts[18]:.2f}"}


def _history(whole: Engine) -> Iterator[Result]:
    """Look through the twentieth call of a conversation, which brings the nineteen before it: 20 KB."""
    inspector, need = Inspector(lambda: whole, here), Need(Depth.NAMES)
    turns = [f"Turn {number}. {PROSE * 4}" for number in range(20)]
    inspector.find_all(turns[:1], need, dlp.NOTHING)
    for name, whose in (("new", b""), ("remembered", b"ada")):
        inspector.find_all(turns[:-1], need, dlp.NOTHING, whose)
        began = time.process_time()
        inspector.find_all(turns, need, dlp.NOTHING, whose)
        yield {"name": f"dlp.history_20kb_ms.{name}", "value": (time.process_time() - began) * 1000, "unit": "ms CPU"}


def _timed(work: Callable[[], None], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return (clock() - began) * 1000
