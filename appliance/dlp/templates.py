"""Policies to begin from. Each rule says in a sentence why it is there; an organisation changes what it needs.

In each, what forbids stands above what lets pass: the first rule that fits decides. They are no legal advice, and no law is met
by a filter alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance import identity
from appliance.dlp.decisions import Action, Direction, PolicyRule
from appliance.dlp.errors import TemplateNotFound
from appliance.dlp.policy_values import PolicyForm
from appliance.dlp.values import Category, Family
from appliance.dlp.wording import WrittenRule
from appliance.identity import Caller, Permission
from appliance.kernel.ids import new_id

_A, _C, _D, _F = Action, Category, Direction, Family
_OUT: Final = frozenset({_D.PROMPT, _D.PASSAGE})
_UPLOAD: Final = frozenset({_D.UPLOAD})
_CALLS: Final = frozenset({_D.PROMPT, _D.PASSAGE, _D.ANSWER})
_EUROPE: Final = frozenset({
    "eu-*", "eu", "europe*", "westeurope", "northeurope", "francecentral", "germanywestcentral", "germanynorth", "swedencentral", "italynorth",
    "polandcentral", "spaincentral", "norwayeast", "norwaywest",
})  # fmt: skip
_IDENTITIES: Final = frozenset({
    _C.SOCIAL_SECURITY, _C.NATIONAL_ID, _C.PASSPORT, _C.DRIVING_LICENCE, _C.BANK_ACCOUNT, _C.IBAN,
})  # fmt: skip


@dataclass(frozen=True)
class Template:
    """A policy to begin from: its code, what people call it, and for whom it is."""

    code: str
    name: str
    purpose: str
    make: Callable[[], Iterable[WrittenRule]] = field(repr=False)

    @property
    def rules(self) -> tuple[WrittenRule, ...]:
        """Its rules in order, with new ids."""
        return tuple(self.make())


def list_templates(caller: Caller) -> tuple["Template", ...]:
    """Return them, for whoever may write a policy."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    return TEMPLATES


def template_form(code: str) -> PolicyForm:
    """Return what a template says. Raises TemplateNotFound."""
    found = next((one for one in TEMPLATES if one.code == code), None)
    if found is None:
        raise TemplateNotFound
    return PolicyForm(found.rules)


def _rule(name: str, why: str, action: Action, rule: PolicyRule | None = None) -> WrittenRule:
    return WrittenRule(replace(rule or _of(), rule_id=new_id(), action=action), name, why)


def _of(
    *what: Category | Family, on: frozenset[Direction] = frozenset(), terms: str = "", regions: frozenset[str] = frozenset(),
    leaving: bool = False, least: float = 0.5,
) -> PolicyRule:  # fmt: skip
    return PolicyRule(
        new_id(), _A.ALLOW, frozenset(one for one in what if isinstance(one, Category)),
        frozenset(one for one in what if isinstance(one, Family)), on, least=least,
        unless_terms=frozenset(terms.split()), unless_regions=regions, only_leaving=leaving,
    )  # fmt: skip


def _cards() -> WrittenRule:
    return _rule("Payment cards go nowhere", _NO_CARDS, _A.BLOCK, _of(_F.PAYMENT))


def _credentials() -> tuple[WrittenRule, WrittenRule]:
    return (
        _rule("Uploads with passwords and keys are held", _HELD_KEYS, _A.QUARANTINE, _of(_F.CREDENTIAL, on=_UPLOAD)),
        _rule("Passwords and keys are blacked out", _NO_KEYS, _A.REDACT, _of(_F.CREDENTIAL, on=_CALLS)),
    )


def _unread() -> WrittenRule:
    return _rule("What cannot be read goes to no provider", _NO_UNREAD, _A.BLOCK, _of(_C.UNREADABLE, on=frozenset({_D.PROMPT}), leaving=True))


def _gdpr() -> Iterable[WrittenRule]:
    return (
        _cards(),
        *_credentials(),
        _unread(),
        _rule("Health data goes out under an agreement only", _ART_9, _A.BLOCK, _of(_F.HEALTH, on=_OUT, terms="dpa", regions=_EUROPE)),
        _rule("Personal data goes out under an agreement only", _ART_28, _A.BLOCK, _of(_F.PERSONAL, on=_OUT, terms="dpa", regions=_EUROPE)),
        _rule("Health data goes out under pseudonyms", _ART_32, _A.TOKENISE, _of(_F.HEALTH, on=_OUT, leaving=True)),
        _rule("Personal data goes out under pseudonyms", _ART_32, _A.TOKENISE, _of(_F.PERSONAL, on=_OUT, leaving=True)),
        _rule("Uploads with health data are held", _ART_9_HELD, _A.QUARANTINE, _of(_F.HEALTH, on=_UPLOAD)),
        _rule("Uploads with personal data are pointed out", _ART_5, _A.WARN, _of(_F.PERSONAL, on=_UPLOAD)),
    )


def _hipaa() -> Iterable[WrittenRule]:
    return (
        _cards(),
        *_credentials(),
        _unread(),
        _rule("Health data goes out under a BAA only", _BAA, _A.BLOCK, _of(_F.HEALTH, on=_OUT, terms="baa")),
        _rule("Identifiers go out under a BAA only", _BAA_IDS, _A.BLOCK, _of(_F.PERSONAL, on=_OUT, terms="baa")),
        _rule("Health data goes out under pseudonyms", _MINIMUM, _A.TOKENISE, _of(_F.HEALTH, on=_OUT, leaving=True)),
        _rule("Identifiers go out under pseudonyms", _MINIMUM, _A.TOKENISE, _of(_F.PERSONAL, on=_OUT, leaving=True)),
        _rule("Uploads with health data are held", _PHI_HELD, _A.QUARANTINE, _of(_F.HEALTH, on=_UPLOAD)),
        _rule("Uploads with identifiers are pointed out", _PHI_SEEN, _A.WARN, _of(_F.PERSONAL, on=_UPLOAD)),
    )


def _pci() -> Iterable[WrittenRule]:
    accounts = (_C.IBAN, _C.BANK_ACCOUNT)
    return (
        _rule("Payment cards go nowhere", _PCI_3, _A.BLOCK, _of(_F.PAYMENT, least=0.3)),
        _rule("Passwords and keys go nowhere", _PCI_8, _A.BLOCK, _of(_F.CREDENTIAL)),
        _unread(),
        _rule("Uploads with account numbers are held", _ACCOUNTS_HELD, _A.QUARANTINE, _of(*accounts, on=_UPLOAD)),
        _rule("Account numbers are blacked out", _NO_ACCOUNTS, _A.REDACT, _of(*accounts, on=_CALLS)),
    )


def _wiki() -> Iterable[WrittenRule]:
    return (
        _cards(),
        _rule("Passwords and keys go nowhere", _WIKI_KEYS, _A.BLOCK, _of(_F.CREDENTIAL)),
        _rule("Confidential papers do not leave this host", _WIKI_MARKED_OUT, _A.BLOCK, _of(_F.CONFIDENTIAL, on=_OUT, leaving=True)),
        _rule("Confidential papers are held", _WIKI_MARKED, _A.QUARANTINE, _of(_F.CONFIDENTIAL, on=_UPLOAD)),
        _rule("Uploads with health data are held", _WIKI_HELD, _A.QUARANTINE, _of(_F.HEALTH, on=_UPLOAD)),
        _rule("Uploads with identity and account numbers are held", _WIKI_HELD, _A.QUARANTINE, _of(*_IDENTITIES, on=_UPLOAD)),
        _rule("Health data is blacked out", _WIKI_OUT, _A.REDACT, _of(_F.HEALTH, on=_OUT, leaving=True)),
        _rule("Identity and account numbers are blacked out", _WIKI_OUT, _A.REDACT, _of(*_IDENTITIES, on=_OUT, leaving=True)),
    )


_NO_CARDS: Final = "No model needs a card's number, and whoever keeps one is bound by PCI DSS."
_HELD_KEYS: Final = "A password in a document would be found by everybody who may search it; somebody should look first."
_NO_KEYS: Final = "A key that was sent once has to be changed. The rest of the text can go on without it; a question or a call with a private key is refused in any case."
_NO_UNREAD: Final = "Of a picture, a recording or a file that cannot be read nobody can say whether it holds what must not be sent."
_ART_28: Final = "A provider that processes personal data needs a data processing agreement (GDPR Art. 28), and outside of Europe a ground for the transfer (Art. 44)."
_ART_9: Final = "Health data is of a special category (GDPR Art. 9): without an agreement and a region in Europe it stays here."
_ART_32: Final = "Where an agreement is there, the provider still need not know whom a text is about (GDPR Art. 5(1)(c), Art. 32(1)(a))."
_ART_9_HELD: Final = "Somebody says that there is a ground for keeping it (GDPR Art. 9(2)) before others can find it."
_ART_5: Final = "Whoever uploads should know what the document holds, and keep no more than is needed (GDPR Art. 5(1)(c))."
_BAA: Final = "A provider that sees protected health information is a business associate (45 CFR 164.502(e)): without an agreement on file nothing goes there."
_BAA_IDS: Final = "Names, dates and numbers make health information identifiable (45 CFR 164.514(b)(2)), so they go where a BAA is on file, and nowhere else."
_MINIMUM: Final = "Where a BAA is on file, the minimum necessary still holds (45 CFR 164.502(b)): a pseudonym does for a model."
_PHI_HELD: Final = "Somebody who may look at it decides who may find it, before it is searched (45 CFR 164.308(a)(4))."
_PHI_SEEN: Final = "Whoever uploads should know that the document names people."
_PCI_3: Final = "Stored card numbers must be unreadable, and codes and tracks are never stored (PCI DSS 3.3, 3.5). What is never taken in is not in scope."
_PCI_8: Final = "Passwords and keys to systems that handle cards are kept in no document and no script (PCI DSS 8.6)."
_ACCOUNTS_HELD: Final = "Account numbers stand beside cards often; somebody should look before others find them."
_NO_ACCOUNTS: Final = "A model needs no account number to answer."
_WIKI_KEYS: Final = "Nobody would post a password on the internal wiki."
_WIKI_MARKED: Final = "Whoever marked a paper meant it for few; somebody should say that all may find it."
_WIKI_MARKED_OUT: Final = "What is marked as confidential is discussed with models on this host alone."
_WIKI_HELD: Final = "Would you post this on the internal wiki? Somebody should look first."
_WIKI_OUT: Final = "A provider's model answers without it."

TEMPLATES: Final = (
    Template("gdpr", "GDPR", "Personal data goes to providers in Europe with an agreement, under pseudonyms; health data is looked at first.", _gdpr),
    Template("hipaa", "HIPAA", "Health data and what identifies people goes to providers with a BAA on file, under pseudonyms.", _hipaa),
    Template("pci", "PCI DSS", "Card data, passwords and keys are neither taken in nor sent.", _pci),
    Template("wiki", "Internal wiki", "What one would not post on the internal wiki is held, or blacked out on its way to a provider.", _wiki),
)  # fmt: skip
