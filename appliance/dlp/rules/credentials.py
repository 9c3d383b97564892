"""Passwords, tokens and keys by what they are assigned to, said of or sent as; private keys; connection strings."""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

from appliance.dlp.look import NO, Judge, Judged, Look, Rule
from appliance.dlp.rules.randomness import entropy, is_placeholder, is_uuid
from appliance.dlp.values import Category

_PASSWORD: Final = re.compile(r"pass|pwd|contrase|senha|kennwort|mot de passe", re.IGNORECASE)
_SECRETIVE: Final = re.compile(r"token|secret|key|pass", re.IGNORECASE)
_PATH: Final = re.compile(r"(?:https?://|/|\./|\w+\(|[a-z_]+\.[a-z_.]+$|arn:)", re.IGNORECASE)
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_SLUG: Final = re.compile(r"[a-z]+(?:[-_ ][a-z]+)+")
_VERSION: Final = re.compile(r"v?\d+(?:\.\d+)+")
_DOTTED: Final = re.compile(r"[A-Za-z_.\-/]+")
# Not the secret itself, but what is said about it: a digest, an id, where it stands.
_ABOUT: Final = re.compile(
    r"(?:sha\d{1,3}|md5|checksum|digest|integrity|commit|revision|fingerprint|public[_\- ]?key|hash|etag|request[_\- ]?id|trace|uuid|guid|nonce|build|image"
    r"|resolution|version|_name|[_\-]id)[\"']?\s{0,3}[:=@ ]",
    re.IGNORECASE,
)
_NO_SECRET_KEY: Final = re.compile(
    r"public[_.\- ]?token|account[_.\- ]?sid|(?:public|primary|foreign|sequence|schema|bucket|natural|idx|sort|partition|cache|hot|issuer)[_.\- ]?key"
    r"|key[_.\- ]?(?:alias|board|code|frame|id|length|mesh|name|pair|press|ring|selector|signature|size|word|up|down|left|right)|monkey|turkey|keyword"
    r"|access(?:or|ib|[_.\-]?id)|author|api[_.\-]?(?:id|name|version|url|host)|token[_.\- ]?(?:type|url|endpoint|id|name|count|ize)|csrf|csp|xsrf|authenticity|verification[_-]?token|site[_-]?key"
    r"|credentials?[_.\-]?id|secret[_.\-]?(?:name|id|length|size)|(?:key|token)[_.\- ]?file|client[_.\-]?(?:id|name)|random",
    re.IGNORECASE,
)
_WORDY: Final = re.compile(
    r"(?:[A-Za-z]{4,}[._\-]){2,}|SNAPSHOT|(?:[a-z]{3,}[A-Z]){3,}|0123456789|abcdefgh|\.(?:com|org|net|io|jar|html?|js|py|go|md|ya?ml|json)\b|x{6,}"
)
_SLASHED: Final = re.compile(r"(?:https?:|/|\./|[a-z0-9\-]+/[a-z])", re.IGNORECASE)
_JOINED: Final = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+){2,}")
_JOINT: Final = re.compile(r"[-_.]")
_TURNS: Final = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_SECRET_NAME: Final = re.compile(r"token|secret|api|key|private", re.IGNORECASE)
_FILE: Final = re.compile(rb"\.(?:png|jpe?g|gif|svg|css|m?js|html?|json|ya?ml|pem|cer|crt)\b")
_TRAILING: Final = ".,;:!?)\\"
_FEW, _LITTLE, _SOME, _MUCH, _VERY = 2.5, 3.0, 3.3, 3.6, 4.0
_LONG, _LONG_PART, _FEWEST_TURNS = 20, 12, 3
_SHORTEST, _DIFFERENT = 4, 4


def judge_as(confidence: float, *, trims: bool = True, style: str) -> Judge:
    """Return the judge of a value that is said to be a secret; `style` says how it is said."""
    weigh = _STYLES[style]

    def judge(look: Look) -> Judged | float:
        raw = look.value
        value = raw.rstrip(_TRAILING) if trims else raw
        if len(value) < _SHORTEST or len(set(value)) < _DIFFERENT:
            return NO
        whole = look.shadow.raw[look.match.start() : look.start].decode("utf-8", "replace")
        before = look.before(48).decode("utf-8", "replace")
        if not weigh(value, whole, before) or is_placeholder(value) or look.goes_on(_FILE):
            return NO
        return Judged(confidence, look.start, look.start + len(value.encode()))

    return judge


def _assigned(value: str, name: str, before: str, *, is_quoted: bool) -> bool:
    is_password = bool(_PASSWORD.search(name))
    if is_quoted and value.count(" ") > 2:  # noqa: PLR2004 - a sentence
        return False
    if len(value) >= _LONG and entropy(value) < _FEW:
        return False
    if _PATH.match(value) or (is_uuid(value) and not _SECRETIVE.search(name)):
        return False
    if not is_password and (
        (_LETTERS.fullmatch(value) and entropy(value) < _MUCH)
        or _SLUG.fullmatch(value)
        or _ABOUT.search(before[-40:])
        or _NO_SECRET_KEY.search(name)
    ):
        return False
    return True if is_quoted else _unquoted(value, is_password=is_password)


def _unquoted(value: str, *, is_password: bool) -> bool:
    if re.search(r"(?:key|token)$", value, re.IGNORECASE) or re.fullmatch(r"\d{1,7}", value):
        return False
    if (_DOTTED.fullmatch(value) and entropy(value) < _SOME) or (_is_slug(value) and not is_password and not is_uuid(value)):
        return False
    return is_password or (len(value) >= 12 and entropy(value) >= 3.2)  # noqa: PLR2004 - what a token has at least


def _said(value: str, name: str, before: str) -> bool:
    del before
    if _VERSION.fullmatch(value) or "user-agent" in name.lower():
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w]"))
    return kinds > 1 and bool(re.search(r"[\d!@#$%^&*]", value))


def _sent(value: str, name: str, before: str) -> bool:
    del name
    if _is_slug(value) or (_DOTTED.fullmatch(value) and entropy(value) < _VERY):
        return False
    return entropy(value) >= _LITTLE and not _ABOUT.search(before[-40:])


def _random(value: str, name: str, before: str) -> bool:
    if sum(map(str.isdigit, value)) < 3 or entropy(value) < _MUCH:  # noqa: PLR2004 - words have none
        return False
    if _NO_SECRET_KEY.search(name) or _WORDY.search(value) or _ABOUT.search(before):
        return False
    if is_uuid(value):
        return _SECRET_NAME.search(name) is not None
    if "/" in value and (value.count("/") > 2 or _SLASHED.match(value)):  # noqa: PLR2004 - a path
        return False
    return not (_is_slug(value) and entropy(value) < _VERY)


def _is_slug(value: str) -> bool:
    """Say whether it is words and numbers joined by hyphens, dots or underscores, of which none looks random."""
    return _JOINED.fullmatch(value) is not None and not any(
        len(one) >= _LONG_PART and len(_TURNS.findall(one)) >= _FEWEST_TURNS for one in _JOINT.split(value)
    )


def _anything(_value: str, _name: str, _before: str) -> bool:
    return True


def _of_a_vendor(value: str, name: str, before: str) -> bool:
    if not any(sign.isdigit() for sign in value) or entropy(value) < _SOME or _WORDY.search(value):
        return False
    return not (
        _NO_SECRET_KEY.search(name)
        or _ABOUT.search(before[-40:])
        or (_is_slug(value) and not (is_uuid(value) and _SECRET_NAME.search(name)))
        or _VERSION.fullmatch(value)
    )


_STYLES: Final[Mapping[str, Callable[[str, str, str], bool]]] = {
    "vendor": _of_a_vendor,
    "quoted": lambda value, name, before: _assigned(value, name, before, is_quoted=True),
    "assigned": lambda value, name, before: _assigned(value, name, before, is_quoted=False),
    "said": _said,
    "sent": _sent,
    "random": _random,
    "any": _anything,
}


def _certain(_look: Look) -> float:
    return 0.97


def _private_key(look: Look) -> Judged:
    """Take it up to its end, or as far as a long key goes."""
    ends = look.shadow.all_of(_END)
    place = bisect_left(ends, (look.end, 0))
    is_near = place < len(ends) and ends[place][1] <= look.end + _LONGEST_KEY
    return Judged(0.99, look.start, ends[place][1] if is_near else look.end)


# A lookahead, so that matches may overlap: the dashes that end one may begin the next.
_END: Final = re.compile(rb"(?=(-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----))")
_LONGEST_KEY: Final = 24_000


_SECRET = Category.SECRET
_VENDORS: Final = (
    "adafruit|adobe|airtable|algolia|alibaba|amplitude|apify|appsflyer|asana|atlassian|auth0|azure|beamer|betterstack|bitbucket|bitly|bittrex|blynk|braintree|bugsnag"
    "|buildkite|cloudflare|cloudinary|cloudsmith|codecov|codeclimate|cohere|coinbase|confluent|contentful|coveralls|datadog|deepgram|deepseek|detectify|dialpad"
    "|discord|disqus|docusign|dropbox|drone(?:ci)?|elastic|elevenlabs|etsy|eventbrite|facebook|fastly|finicity|finnhub|firebase|flickr|freshbooks|freshdesk|gitter"
    "|gumroad|heroku|honeycomb|hubspot|imagga|instagram|intercom|ipstack|jfrog|jira|jotform|jumpcloud|kraken|kucoin|launchdarkly|lemlist|linkedin|lob|logdna|looker"
    "|mailchimp|mailgun|mailjet|mapbox|mattermost|mediastack|messagebird|miro|mistral|mixpanel|mongodb|mux|myintervals|netlify|newrelic|ngrok|notion|nylas|nytimes|okta"
    "|onelogin|openai|opsgenie|optimizely|pagerduty|pandadoc|paypal|pendo|pipedrive|plaid|postmark|pubnub|pusher|rabbitmq|rapidapi|razorpay|recaptcha|reddit|rollbar"
    "|salesforce|segment|sendbird|sendgrid|sentry|servicenow|shippo|shodan|shopify|smartling|snyk|sonar(?:qube)?|spotify|square|squarespace|stackhawk|statuspage|stripe"
    "|sumologic|surge|telegram|teamcity|tines|todoist|travis|trello|twilio|twitch|twitter|typeform|unsplash|uptimerobot|virustotal|webex|weights|workato|yandex|yelp"
    "|zapier|zendesk|zeplin|zoho|zoom"
)
NAMES: Final = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|contrase[nñ]a|senha|mot de passe|secret(?:[_-]?key)?|api[_-]?key|apikey|access[_-]?key"
    r"|auth[_-]?(?:key|token)|private[_-]?key|token|credential)s?"
)
_BARE_NAMES: Final = r"(?:pass(?:word|wd|phrase)?|pwd|passwort|kennwort|secret(?:[_-]?key)?|api[_-]?key|apikey|access[_-]?key|auth[_-]?token|token)"
RULES: Final = (
    Rule("secret/private-key/2", Category.PRIVATE_KEY,
         r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----", _private_key),
    Rule("secret/connection/2", Category.CONNECTION,
         r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,80}:([^\s/\"'<>]{3,120})@[a-z0-9\[]", judge_as(0.9, style="any", trims=False), group=1),
    Rule("secret/connection-field/1", Category.CONNECTION,
         r"(?i)\b(?:server|data source|host|endpoint|accountname)=[^;\n]{1,200};[^\n]{0,400}?\b(?:password|pwd|accountkey|sharedaccesskey)=([^;\s\"']{4,200})",
         judge_as(0.95, style="any"), group=1),
    Rule("secret/jwt/1", Category.API_KEY, r"\b(ey[JI][A-Za-z0-9_-]{8,}\.ey[JI][A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{10,})", _certain, group=1),
    Rule("secret/assigned-quoted/2", _SECRET,
         rf"(?i)(?:^|[^a-z0-9])[\w.-]{{0,40}}{NAMES}[\"']?\]?[ \t]{{0,3}}(?:=>|[:?]=|==?|:|>)[ \t]{{0,3}}(?:[\"']([^\"'\r\n]{{4,200}})[\"'])", judge_as(0.8, style="quoted", trims=False), group=1),
    Rule("secret/assigned/2", _SECRET,
         rf"(?im)(?:^|[\s;,{{(&?\"':/])[\w.-]{{0,40}}{_BARE_NAMES}[\"']?[ \t]{{0,2}}(?:=|:)[ \t]{{0,2}}(?:base64:)?([^\s\"'`,;&<>(){{}}\[\]]{{6,200}})", judge_as(0.8, style="assigned"), group=1),
    Rule("secret/said/1", _SECRET,
         r"(?i)\b(?:pass(?:word|code|phrase)|pwd|passwort|kennwort|contrase[nñ]a|mot de passe|senha)(?: (?:for|to|of|für|para) (?:the |my |our )?[\w.\- ]{1,30}?)?"
         r" (?:is|was|=|:|ist|lautet|es|est|now|to)(?: now| set to)?:?\s{1,2}[\"'`]?([^\s\"'`<>]{6,64})", judge_as(0.8, style="said"), group=1),
    Rule("secret/pair/1", _SECRET,
         r"(?i)\b(?:login|credentials?|creds|user(?:name)?|account|zugangsdaten)s?\b[^\n]{0,24}?(?:is|are|:|=)\s{0,2}[\"'`]?[\w.@-]{2,40}[\"'`]?\s{0,2}(?:/|\||:)\s{0,2}[\"'`]?([^\s\"'`/|,;<>]{6,64})",
         judge_as(0.8, style="said"), group=1),
    Rule("secret/curl/2", _SECRET,
         r"(?i)\bcurl\b(?:[^\n\\]|\\\s){0,400}?\s(?:-u|--user)[ =]{0,3}[\"']?[^\s:\"']{0,64}[\"']?:[\"']?([^\s\"']{4,120})", judge_as(0.9, style="any"), group=1),
    Rule("secret/curl-user/1", _SECRET,
         r"(?i)\bcurl\b(?:[^\n\\]|\\\s){0,400}?\s(?:-u|--user)[ =]{0,3}[\"']?([^\s:\"'$<{\[]{10,120}):[\"']?(?:\s|$)", judge_as(0.8, style="sent"), group=1),
    Rule("secret/header/1", _SECRET,
         r"(?i)\b(?:x-api-key|x-auth-token|x-access-token|api-key|apikey|ocp-apim-subscription-key)[\"']?\s{0,2}[:=]?\s{0,2}[\"']?([A-Za-z0-9_\-./+=]{16,200})", judge_as(0.9, style="sent"), group=1),
    Rule("secret/bearer/2", _SECRET, r"(?i)\b(?:bearer|basic|token|ssws)\s{1,3}([A-Za-z0-9_\-.~+/]{20,1000}={0,2})", judge_as(0.9, style="sent"), group=1),
    Rule("secret/aws/1", _SECRET,
         r"(?i)(?:aws|secret)[\w.\- ]{0,30}?[\"']?\s{0,3}(?:=|:|=>|,)\s{0,3}[\"']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)", judge_as(0.9, style="sent"), group=1),
    Rule("secret/vendor/2", Category.API_KEY,
         rf"(?i)\b(?:{_VENDORS})[\w.\- ]{{0,40}}[\"']?[ \t]{{0,3}}(?:=>|[:?]=|=|:|,|\()[ \t]{{0,3}}[\"'`]?([A-Za-z0-9_.=-]{{15,70}})(?:[\"'`\s;,)]|$)", judge_as(0.75, style="vendor"), group=1),
    Rule("secret/hash/1", _SECRET,
         r"\$(?:1|2[abxy]?|5|6|7|8|9|y|argon2(?:id?|d)|scrypt|pbkdf2(?:-sha\d+)?|krb5\w{2,8})\$[A-Za-z0-9./$=,*+-]{20,400}", _certain),
    Rule("secret/named/2", _SECRET,
         r"(?i)\b[\w.-]{0,30}(?:(?:api|token|secret|auth|key|access|client|bearer|credential|webhook|private)[\w.-]{0,20}|pat)[\"']?[ \t]{0,3}(?:=>|[:?]=|=|:|\s-\s|\s|[\"'],)[ \t]{0,3}[\"'`]?(?:base64:)?([A-Za-z0-9_\-./+=]{20,250})[\"'`]?",
         judge_as(0.8, style="random"), group=1),
)  # fmt: skip
