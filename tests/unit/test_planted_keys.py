"""The search for planted keys finds what it is for: without that, finding nothing would prove nothing."""

import base64
import gzip
import json
import os
from pathlib import Path
from urllib.parse import quote

from tests.support.planted_keys import Planted


def test_it_finds_a_key_in_every_form_and_wherever_it_stands(tmp_path: Path) -> None:
    planted, key = Planted(), bytes(range(240, 256)) + os.urandom(16)
    planted.plant("key", key)
    planted.plant("password", 'a "quoted" pässword & more')
    password = 'a "quoted" pässword & more'
    written = {
        "raw": b"x" + key + b"y",
        "hex": b"\\x" + key.hex().encode(),
        "HEX": key.hex().upper().encode(),
        **{f"base64 after {n}": base64.b64encode(b"z" * n + key + b"tail") for n in range(5)},
        **{f"url base64 after {n}": base64.urlsafe_b64encode(b"z" * n + key) for n in range(3)},
        "repr": repr(key).encode(),
        "json of text": json.dumps({"a": password}).encode(),
        "url of text": b"q=" + quote(password).encode(),
        "text": f"she said {password}".encode(),
    }
    for form, content in written.items():
        assert planted.found_in(content), form
        (tmp_path / "file").write_bytes(b"\0\xff" * 5_000 + content + b"\n\0" * 5_000)
        assert planted.found_under(tmp_path), form
    (tmp_path / "file").write_bytes(gzip.compress(b"nothing") + key[:8] + key[16:])
    assert planted.found_under(tmp_path) == {}
    assert planted.found_in("nothing of it") == set()
