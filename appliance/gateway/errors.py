"""
Refusal
├── AliasMalformed         kind=invalid
├── AliasNotFound          kind=not_found
├── AllowedModelMalformed  kind=invalid
├── AllowedModelNotFound   kind=not_found
├── CallAboveLimit         kind=over_limit      no waiting helps
├── CallKeyMissing         kind=unauthenticated
├── CallKeysDiffer         kind=unauthenticated
├── CallLimitReached       kind=over_limit
├── CallNotKept            kind=not_found
├── ElsewhereRefused       kind=blocked
├── EndpointUnsupported    kind=malformed   the model cannot be asked in this way
├── ModelBroke             kind=unavailable
├── ModelNotFound          kind=not_found
├── ModelRefused           kind=unavailable
├── PolicyMoved            kind=conflict
├── PricesUnusable         kind=invalid     an operator's file
├── ProviderKeyRefused     kind=unavailable
├── ProviderResting        kind=unavailable
├── ProviderSignInFailed   kind=unavailable
├── ProviderStoreRefused   kind=malformed
├── RequestEncoded         kind=unsupported
├── RequestMalformed       kind=malformed
├── RequestTooLarge        kind=too_large
├── SpanMalformed          kind=invalid
├── TextRefused            kind=blocked
└── TokensUninspectable    kind=blocked
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class AliasMalformed(Invalid):
    """An alias is a name of 1 to 63 small letters, digits, dots, hyphens and underscores, and 1 to 8 models such as openai/gpt-5, in the order in which they are tried, or openai/gpt-5=3 with a weight from 1 to 1000."""

    code = "model_alias_malformed"


class AliasNotFound(Refusal):
    """There is no such alias. Look at the list under Models."""

    kind = Kind.NOT_FOUND
    code = "model_alias_not_found"


class AllowedModelMalformed(Invalid):
    """An allowed model is a provider's name, a slash and the provider's own name of the model, or * for all of them: openai/gpt-5, openai/*."""

    code = "allowed_model_malformed"


class AllowedModelNotFound(Refusal):
    """This model is not among those that are allowed. Look at the list under Models."""

    kind = Kind.NOT_FOUND
    code = "allowed_model_not_found"


class CallAboveLimit(Refusal):
    """This call may need {tokens} tokens, which is above the limit of {limit}. Ask for a shorter answer, or ask less at a time."""

    kind = Kind.OVER_LIMIT
    code = "call_above_limit"


class CallKeyMissing(Refusal):
    """Send a key: `Authorization: Bearer cloister_…` or `x-api-key: cloister_…`. Issue one under API tokens, with the scope models."""

    kind = Kind.UNAUTHENTICATED
    code = "key_missing"


class CallKeysDiffer(Refusal):
    """Two different keys came, in Authorization and in x-api-key. Send one."""

    kind = Kind.UNAUTHENTICATED
    code = "keys_differ"


class CallLimitReached(Refusal):
    """The limit of {limit} is reached. Try again in {seconds} seconds."""

    kind = Kind.OVER_LIMIT
    code = "call_limit_reached"


class EndpointUnsupported(Refusal):
    """{model} cannot be asked at {endpoint}: {reason}."""

    kind = Kind.MALFORMED
    code = "endpoint_unsupported"


class ModelBroke(Refusal):
    """The answer of {model} did not come to its end: {reason}. Ask again."""

    kind = Kind.UNAVAILABLE
    code = "model_broke"


class ModelRefused(Refusal):
    """The provider of {model} gives no answer: {reason}."""

    kind = Kind.UNAVAILABLE
    code = "model_refused"


class PolicyMoved(Refusal):
    """Your organisation's policy on data, its contract with the provider, or the chatbot, changed while this was asked. Nothing was sent; ask again."""

    kind = Kind.CONFLICT
    code = "policy_moved"


class ModelNotFound(Refusal):
    """There is no model of this name for you. GET /v1/models lists those there are."""

    kind = Kind.NOT_FOUND
    code = "model_not_found"


class PricesUnusable(Refusal):
    """The file of prices cannot be used: {reason}. Correct it; until then costs are not counted."""

    kind = Kind.INVALID
    code = "prices_unusable"


class ProviderKeyRefused(Refusal):
    """The provider {name} does not take the key that was given for it. An administrator can check it under Providers."""

    kind = Kind.UNAVAILABLE
    code = "provider_key_refused"


class ProviderResting(Refusal):
    """The provider {name} failed several times in a row and is left alone for a moment. Try again in {seconds} seconds."""

    kind = Kind.UNAVAILABLE
    code = "provider_resting"


class ProviderSignInFailed(Refusal):
    """{host} gave no access token for the provider's service account ({reason}), so nothing was asked. Try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "provider_sign_in_failed"


class CallNotKept(Refusal):
    """Nothing of such a call is kept. Your organisation may not keep what calls say, or its time is over."""

    kind = Kind.NOT_FOUND
    code = "call_not_kept"


class ElsewhereRefused(Refusal):
    """`{field}` has the provider ask another model or host than the one that was allowed. Leave it out."""

    kind = Kind.BLOCKED
    code = "leads_elsewhere"


class ProviderStoreRefused(Refusal):
    """`{field}` keeps something at the provider, or builds on what is kept there, and nothing is. Send what the answer is to build on."""

    kind = Kind.MALFORMED
    code = "provider_store_refused"


class RequestEncoded(Refusal):
    """Send the body as it is, without Content-Encoding."""

    kind = Kind.UNSUPPORTED
    code = "request_encoded"


class RequestMalformed(Refusal):
    """The request cannot be read: {reason}."""

    kind = Kind.MALFORMED
    code = "request_malformed"


class RequestTooLarge(Refusal):
    """The request is larger than {most} bytes. Send less."""

    kind = Kind.TOO_LARGE
    code = "request_too_large"


class SpanMalformed(Invalid):
    """Ask for a span of at most {most} days, whose last day is not before its first."""

    code = "span_malformed"


class TextRefused(Refusal):
    """Your organisation's policy on data does not let this go on: {category}, by the rule {rule}. Remove it and try again."""

    kind = Kind.BLOCKED
    code = "data_refused"


class TokensUninspectable(Refusal):
    """`input` holds tokens by their numbers, which cannot be looked through for what must not be sent. Send the texts themselves."""

    kind = Kind.BLOCKED
    code = "tokens_uninspectable"
