"""Responses that an attacker would send, each with the rule that it breaks.

Whoever writes one has a true response of the provider for themselves, the provider's and our own public certificates, and keys of
their own. `Lab.true` is such a response: what is forged is built around it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from appliance.identity.sso.saml.rules import Rule
from tests.support.saml_provider import (
    DSIG,
    SAML,
    Form,
    Said,
    Signer,
    sign,
)

Forgery = Callable[["Lab"], str | bytes]
FORGERIES: Final[dict[str, tuple[Forgery, Rule]]] = {}
MALLORY: Final = "mallory-is-the-owner"


@dataclass(frozen=True)
class Lab:
    """What an attacker has."""

    said: Said
    provider: Signer
    attacker: Signer
    our_certificate: str

    def true(self, said: Said | None = None, form: Form | None = None, who: Signer | None = None) -> str:
        """Return a response whose assertion is signed."""
        said = said or self.said
        return said.response(sign(said.assertion(), who or self.provider, said.assertion_id, form))

    def true_outside(self, said: Said | None = None, form: Form | None = None) -> str:
        """Return a response that is signed itself, around an assertion that is not."""
        said = said or self.said
        return sign(said.response(said.assertion()), self.provider, said.response_id, form)

    def assertion(self, who: Signer | None = None, said: Said | None = None) -> str:
        """Return a signed assertion."""
        said = said or self.said
        return sign(said.assertion(), who or self.provider, said.assertion_id)

    @property
    def evil(self) -> str:
        """What the attacker would like to have said; under another id."""
        return self.said.changed(name_id=MALLORY, assertion_id="_evil").assertion()


def forged(rule: Rule) -> Callable[[Forgery], Forgery]:
    """Take a forgery into the list, by its name."""

    def take(forgery: Forgery) -> Forgery:
        FORGERIES[forgery.__name__] = (forgery, rule)
        return forgery

    return take


def variants(name: str, rule: Rule, **forgeries: Forgery) -> None:
    for variant, forgery in forgeries.items():
        FORGERIES[f"{name}_{variant}"] = (forgery, rule)


def tree(message: str) -> "etree._Element":
    return etree.fromstring(message.encode())


def text(root: "etree._Element") -> str:
    return str(etree.tostring(root, encoding="unicode"))


def parts(lab: Lab, *, is_outside: bool = False) -> tuple["etree._Element", "etree._Element", "etree._Element"]:
    """Return a true response, its assertion, and its signature, taken out."""
    root = tree(lab.true_outside() if is_outside else lab.true())
    assertion = root.find(f"{{{SAML}}}Assertion")
    signature = next(root.iter(f"{{{DSIG}}}Signature"))
    signature.getparent().remove(signature)
    return root, assertion, signature


def typed(lab: Lab, written: str) -> str:
    """Change the name after signing, as canonicalization without comments would let it pass."""
    return lab.true().replace(">u-4711<", f">{written}<")
