"""What passes as it is between a program and a provider of the same dialect: odd requests, answers and streams."""

import random

from tests.support.upstreams import chat_bytes, chat_chunks, messages_bytes, messages_events

# Members of an object as no serialiser of ours would write them.
MEMBERS = (
    '"x-unknown" :\t{"a":[1.0, 1e400,-0.0,12345678901234567890123, 0.1e-7,1E+2,-0]}',
    '"\\u006eew":"\\u00e9 é \\ud83d\\ude00 😀 \\/ \\ud800 \\u0000 \\b\\f\\n\\r\\t\\"\\\\"',
    '"größe" : "ﬁ\u200b\u202e\u0301 \U0010ffff \ufeff"',
    '"":null',
    '"deep":' + "[" * 50 + "]" * 50,
    '"empty":[ ],"none" :{ }',
    '"true":true,"TRUE":"true"',
    '"__proto__":{"constructor":1}',
    '"long":"' + "ä\\n" * 150_000 + '"',
)


def request(model: str, messages: str, *, seed: int) -> str:
    """Write a request with these members in some order, the model's name somewhere between, and blanks all over."""
    chance = random.Random(seed)
    name = chance.choice(('"model"', '"m\\u006fdel"', '"\\u006d\\u006f\\u0064\\u0065\\u006c"'))
    members = [
        *chance.sample(MEMBERS, chance.randint(1, len(MEMBERS))),
        messages,
        f'{name}{_blanks(chance)}:{_blanks(chance)}"{model}"',
    ]
    chance.shuffle(members)
    inner = ",".join(f"{_blanks(chance)}{one}{_blanks(chance)}" for one in members)
    return f"{_blanks(chance)}{{{inner}}}{_blanks(chance)}"


def answer(head: str, *, seed: int, members: tuple[str, ...] = MEMBERS) -> bytes:
    """Write an answer of which `head` is what its dialect needs."""
    chance = random.Random(seed)
    written = [head, *chance.sample(members, chance.randint(1, len(members)))]
    chance.shuffle(written)
    return f"{_blanks(chance)}{{{','.join(written)}}}{_blanks(chance)}".encode()


def _blanks(chance: random.Random) -> str:
    return chance.choice(("", "", " ", "\n\t", "\r\n", "  "))


ODD_EVENTS = (
    b": a comment\n\n", b":\r\n\r\n", b'event: odd\ndata: {"x":1.0}\n\n', 'data: "größe 😀"\n\n'.encode(), b"id: 7\nretry: 10\n\n",
    b"data: [1,\ndata: 2]\n\n", b"data:{}\r\n\r\n", b"data: {}\r\r", b"nonsense\n\n", b"\n\n", b"data\n\n", b"data: " + b"x" * 30_000 + b"\n\n",
)  # fmt: skip
RESPONSE_END = b'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":4.0e0}}}\n\n'
STREAMS = {
    "/v1/chat/completions": chat_bytes(chat_chunks()),
    "/v1/messages": messages_bytes(messages_events()),
    "/v1/responses": b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n' + RESPONSE_END,
}


def stream(path: str, *, seed: int) -> bytes:
    """Write a stream with odd events between those that its dialect has; the last is the one that ends it."""
    chance = random.Random(seed)
    *events, last = [one + b"\n\n" for one in STREAMS[path].split(b"\n\n") if one]
    for _ in range(chance.randint(1, 12)):
        events.insert(chance.randint(0, len(events)), chance.choice(ODD_EVENTS))
    return b"".join([*events, last])


def cut(raw: bytes, *, seed: int, pieces: int = 40) -> list[bytes]:
    """Cut it anywhere, also in the middle of a sign and of a line's end."""
    borders = sorted(random.Random(seed).sample(range(1, len(raw)), min(pieces, len(raw) - 1)))
    return [raw[a:b] for a, b in zip([0, *borders], [*borders, len(raw)], strict=True)]
