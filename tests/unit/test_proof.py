import hashlib

from hypothesis import given
from hypothesis import strategies as some

from appliance.proof.export import lines, verify
from appliance.proof.tree import leaf_hash, root_hash


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(some.lists(some.binary(max_size=8), max_size=40))
def test_it_computes_the_tree_of_rfc_6962(bodies: list[bytes]) -> None:
    leaves = [leaf_hash(body) for body in bodies]

    assert root_hash(leaves) == by_definition(leaves)


def test_it_finds_every_tampering() -> None:
    export = list(lines([b'{"a":1}', b'{"a":2}', b'{"a":3}']))

    assert verify(export).fault is None
    for tampered in (
        export[:-1],
        export[1:],
        [export[1], export[0], *export[2:]],
        [export[0].replace("1", "7"), *export[1:]],
        [export[0], export[0], *export[1:]],
        [],
    ):
        assert verify(tampered).fault is not None
