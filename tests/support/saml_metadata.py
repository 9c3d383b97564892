"""A provider's metadata, and an address where a test lets it stand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from tests.support.saml_provider import Signer

ISSUER = "https://idp.example/saml"
_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
_DS = "http://www.w3.org/2000/09/xmldsig#"


def metadata(*signers: Signer, entity_id: str = ISSUER, until: str = "", extra: str = "", sign_on: str = "https://idp.example/sso") -> str:
    """Return what a provider of these keys says of itself."""
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{_DS}"><ds:X509Data><ds:X509Certificate>\n{one.base64}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>'
        for one in signers
    )
    redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    return (
        f'<md:EntityDescriptor xmlns:md="{_MD}" entityID="{entity_id}" ID="_metadata"{until}><!-- of today -->'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}'
        f'<md:SingleLogoutService Binding="{redirect}" Location="https://idp.example/slo" ResponseLocation="https://idp.example/slo-answers"/>'
        f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{sign_on}/post"/>'
        f'<md:SingleSignOnService Binding="{redirect}" Location="{sign_on}"/></md:IDPSSODescriptor>{extra}</md:EntityDescriptor>'
    )


@contextmanager
def told(document: list[str]) -> Iterator[str]:
    """Serve a provider's metadata, which a test changes."""

    def answer(_environ: object, start: Callable[..., object]) -> list[bytes]:
        start("200 OK" if document[0] else "404 Not Found", [("Content-Type", "application/samlmetadata+xml")])
        return [document[0].encode()]

    http = make_server("127.0.0.1", 0, answer)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/metadata"
    http.shutdown()
    http.server_close()
    thread.join()
