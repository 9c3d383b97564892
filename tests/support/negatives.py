"""Lines that look like what must not leave, and are not: order numbers, hashes, versions, UUIDs, dates, log lines, code."""

import random
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from appliance.dlp import Finding
from appliance.dlp.rules.checksums import luhn

_WORDS: Final = ("cache", "queue", "index", "build", "sensor", "pipeline", "report", "batch", "node", "volume", "shard", "metric", "buffer", "socket")
_MODULES: Final = ("auth", "billing", "search", "parser", "worker", "storage", "scheduler", "gateway")
_LEVELS: Final = ("INFO", "DEBUG", "WARN", "ERROR")


def negative_lines(count: int, *, seed: int = 1) -> Iterator[str]:
    """Return lines of all kinds in turn, the same ones for a seed."""
    dice = random.Random(seed)
    for number in range(count):
        yield KINDS[number % len(KINDS)](dice)


def count_flagged(lines: Sequence[str], inspect: Callable[[str], Sequence[Finding]]) -> int:
    """Return in how many of these lines, looked at as one text, something is found."""
    starts, at = list[int](), 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return len({bisect_right(starts, one.start) for one in inspect("\n".join(lines))})


def _digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choices("0123456789", k=count))


def _hex(dice: random.Random, count: int) -> str:
    return "".join(dice.choices("0123456789abcdef", k=count))


def _no_card(dice: random.Random, count: int) -> str:
    """A number that is no card's: one in ten random ones passes the check digit, and would be told rightly."""
    while luhn(found := _digits(dice, count)):
        pass
    return found


def _moment(dice: random.Random) -> str:
    return f"{dice.randint(2015, 2026)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}Z"


def _order(dice: random.Random) -> str:
    return dice.choice([
        f"Order {_no_card(dice, 10)} was shipped on {_moment(dice)[:10]}.", f"order_id={_no_card(dice, 16)} status=paid items={dice.randint(1, 9)}",
        f"Invoice INV-{_digits(dice, 8)}, purchase order PO-{_digits(dice, 6)}", f"SKU {_digits(dice, 4)}-{_digits(dice, 5)}-{_digits(dice, 3)} x {dice.randint(1, 40)}",
        f"Tracking number 1Z{_digits(dice, 3)}E{_digits(dice, 2)}{_digits(dice, 8)}", f"Ticket #{_digits(dice, 7)} was merged into #{_digits(dice, 7)}",
    ])  # fmt: skip


def _hash(dice: random.Random) -> str:
    return dice.choice([
        f"commit {_hex(dice, 40)}", f"sha256:{_hex(dice, 64)}", f"md5sum {_hex(dice, 32)}  {dice.choice(_WORDS)}.tar.gz",
        f'etag: "{_hex(dice, 32)}"', f"image@sha256:{_hex(dice, 64)} pulled in {dice.randint(1, 90)}s",
        f"integrity sha512-{_hex(dice, 86)}==", f"index {_hex(dice, 7)}..{_hex(dice, 7)} 100644",
    ])  # fmt: skip


def _version(dice: random.Random) -> str:
    numbers = f"{dice.randint(0, 30)}.{dice.randint(0, 40)}.{dice.randint(0, 300)}"
    return dice.choice([
        f"version {numbers}", f"v{numbers}-rc.{dice.randint(1, 9)}", f"numpy=={numbers}", f"requires python>=3.{dice.randint(8, 14)}, <4",
        f"Upgrade {dice.choice(_WORDS)} from {numbers} to {dice.randint(31, 40)}.0.0", f"build {numbers}.{_digits(dice, 6)}", f"firmware {numbers}.{dice.randint(0, 99)} (r{_digits(dice, 5)})",
    ])  # fmt: skip


def _uuid(dice: random.Random) -> str:
    one = uuid.UUID(int=dice.getrandbits(128), version=4)
    return dice.choice([f"request_id={one}", f"id: {one}", f"/api/v1/{dice.choice(_WORDS)}s/{one}", f'{{"trace": "{one.hex}", "ok": true}}'])


def _date(dice: random.Random) -> str:
    day = _moment(dice)
    return dice.choice([
        day, f"Released {day[:10]}", f"Due {day[8:10]}/{day[5:7]}/{day[:4]}", f"backup-{day[:10].replace('-', '')}.tar", f"Meeting on {day[8:10]}.{day[5:7]}.{day[:4]} at {day[11:16]}",
        f"epoch {dice.randint(1_400_000_000, 1_800_000_000)}", f"expires_in={dice.randint(60, 86400)} issued={dice.randint(1_400_000_000_000, 1_800_000_000_000)}",
    ])  # fmt: skip


def _log(dice: random.Random) -> str:
    module, word = dice.choice(_MODULES), dice.choice(_WORDS)
    return dice.choice([
        f"{_moment(dice)} {dice.choice(_LEVELS)} {module}: {word} took {dice.randint(1, 9000)} ms pid={dice.randint(100, 65000)}",
        f"[{_digits(dice, 5)}.{_digits(dice, 6)}] {module}: {word} {dice.randint(0, 64)} reset, status 0x{_hex(dice, 8)}",
        f"{module}[{dice.randint(100, 9999)}]: {word} rss={_digits(dice, 9)} fd={dice.randint(3, 900)} gen={_digits(dice, 12)}",
        f"GET /{word}/{_digits(dice, 6)} 200 {dice.randint(100, 90000)} {dice.random():.6f}",
        f"progress {dice.randint(0, 100)}% {dice.randint(1, 9999)}/{dice.randint(10000, 99999)} {dice.random() * 99:.2f} MB/s",
    ])  # fmt: skip


def _code(dice: random.Random) -> str:
    word, other = dice.sample(_WORDS, 2)
    return dice.choice([
        f"def {word}_{other}(self, {word}: int = {dice.randint(0, 99)}) -> None:", f"const {word}{other.title()} = new Map([[{_digits(dice, 4)}, {_digits(dice, 4)}]]);",
        f"if ({word}.length > {_digits(dice, 5)}) return {other}[{dice.randint(0, 9)}];", f"#define {word.upper()}_{other.upper()} 0x{_hex(dice, 8).upper()}UL",
        f"UPDATE {word}s SET {other} = {other} + 1 WHERE id = {_digits(dice, 8)};", f"password = os.environ['{word.upper()}_PASSWORD']", f"token = get_token({word}_id)",
        f"{word}: [{', '.join(_digits(dice, 3) for _ in range(8))}]", f"assert {word}({_digits(dice, 6)}) == {_digits(dice, 9)}", f"#{_hex(dice, 6)} #{_hex(dice, 6)} rgba({dice.randint(0, 255)}, 0, 0, .5)",
    ])  # fmt: skip


KINDS: Final[tuple[Callable[[random.Random], str], ...]] = (_order, _hash, _version, _uuid, _date, _log, _code)
