"""How random a string looks, and what stands where a secret would without being one."""

import math
import re
from collections import Counter
from typing import Final

from appliance.dlp.look import pattern

_PLACEHOLDER: Final = pattern(
    r"(?is)(?:\$\{.*|\$\(.*|\{\{.*|\{[^}]*\}|<.*>?|%\w+%|\$\w+|x{3,}.*|\*{3,}.*|\.{3,}|your[_\- ]?.*|my[_\-]?(?:pass|secret|key|token).*|changeme|change_me|example.*"
    r"|placeholder|null|none|nil|true|false|undefined|redacted|\[.*|required|optional|string|str|int|bool|hidden|todo|tbd|os\.environ.*|process\.env.*"
    r"|getenv.*|var\..*|self\..*|this\..*|config\..*|settings\..*|secrets?\..*|env\..*|await|function|return|new|password|passwd|passwort|kennwort|secret|token"
    r"|username|user|passphrase|pwd|test(?:ing)?|demo|dummy|sample|fake|mock|foo|bar|foobar|baz|y{3,}|z{3,}"
    r"|.*(?:token|key|secret|string|password|value)[_\- ]?(?:goes[_\- ]?)?here|insert.*|replace[_\- ]?(?:me|with|this).*|ENC\(.*|!vault.*|op://.*|vault:.*|ref\+.*"
    r"|arn:aws:(?:secretsmanager|ssm):.*|ssm:/.*|file:.*|input|prompt|data|text|type|value|field|required.*|await .*|is|are|the|and|for|with|must|should|reset|policy|manager|expired|wrong|below|above|here"
    r"|[A-Z0-9]*EXAMPLE(?:KEY)?|.*(?:X{6,}|\*{4,}|PUT_YOUR|YOUR_).*)"
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def entropy(value: str) -> float:
    """Return Shannon's entropy of the signs, in bits a sign."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values()) if total else 0.0


def is_placeholder(value: str) -> bool:
    """Say whether it stands for a secret without being one: a variable, a word, an example."""
    return _PLACEHOLDER.fullmatch(value) is not None


def is_uuid(value: str) -> bool:
    """Say whether it has the form of a UUID (RFC 9562)."""
    return _UUID.fullmatch(value) is not None
