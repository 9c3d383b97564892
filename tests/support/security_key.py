"""A security key that a test touches: what a browser would send of it."""

import json
from hashlib import sha256

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

from appliance.identity.factors import FactorKind, add_factor
from appliance.identity.passkeys import Site
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Place
from tests.support.house import Member


class SecurityKey:
    """A passkey on a stick that is left in the machine: whoever touches it uses it, and it asks for no one."""

    site = Site("cloister.example", "https://cloister.example")

    def __init__(self, member: Member) -> None:
        self._key, self._id = ec.generate_private_key(ec.SECP256R1()), b"stick"
        numbers = self._key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        services, factor_id, user_id = member.services, new_id(), member.caller.user_id
        place = Place("second_factors", "public_key", (user_id, factor_id))
        with services.db.tenant(member.tenant_id) as tx:
            sealed = services.vault.platform.seal(tx, cbor2.dumps(public), place)
            add_factor(tx, user_id, factor_id, FactorKind.PASSKEY, "Stick", member.house.clock, sealed=sealed,
                       credential=self._id, is_confirmed=True)  # fmt: skip

    def touched(self, options: str, *, asks: bool) -> str:
        """Return what a browser sends when the stick is touched; `asks`: it has asked for its PIN."""
        client = {"type": "webauthn.get", "challenge": json.loads(options)["challenge"], "origin": self.site.origin}
        said = json.dumps(client).encode()
        data = sha256(self.site.host.encode()).digest() + bytes([5 if asks else 1]) + bytes(4)
        signature = self._key.sign(data + sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": said, "authenticatorData": data, "signature": signature}
        coded = {name: bytes_to_base64url(value) for name, value in response.items()}
        name = bytes_to_base64url(self._id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": coded})
