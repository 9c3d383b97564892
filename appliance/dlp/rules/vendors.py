"""API keys and tokens of known vendors, by the forms that the vendors publish."""

import re
from typing import Final

from appliance.dlp.look import NO, Look, Rule
from appliance.dlp.rules.randomness import entropy, is_placeholder
from appliance.dlp.values import Category

_KEY: Final = 0.97
_FEW, _SOME, _LONG, _DIGITS = 2.2, 2.6, 24, 2
_FILE: Final = re.compile(rb"(?i)\.(?:png|jpe?g|gif|svg|ico|webp|css|m?js|html?)\b")
_WORD_SIGNS: Final = "A-Za-z0-9_-"


def _fits(look: Look) -> float:
    value = look.value
    is_random = entropy(value) > (_FEW if len(value) < _LONG else _SOME)
    return _KEY if is_random and look.stands_alone() and not is_placeholder(value) and not look.goes_on(_FILE) else NO


def _is_told(look: Look) -> float:
    """Take it without looking at its entropy: nothing else begins with this prefix."""
    return _KEY if look.stands_alone() else NO


def _is_mixed(look: Look) -> float:
    """Take it only with digits in it: the name of a variable may begin with this prefix, too."""
    return _fits(look) if sum(map(str.isdigit, look.value)) >= _DIGITS else NO


# Name with its number, form. A form begins with what the vendor puts in front, so that it needs no word near it.
_FORMS: Final = (
    ("1password/1", r"ops_eyJ[A-Za-z0-9+/]{240,990}={0,2}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"),
    ("adafruit/1", r"aio_[A-Za-z0-9]{28}"),
    ("adobe/1", r"p8e-[a-z0-9]{32}"),
    ("age/2", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("airtable/1", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("alibaba/1", r"LTAI[A-Za-z0-9]{17,21}"),
    ("anthropic/2", r"sk-ant-(?:api|admin)\d{2}-[A-Za-z0-9_-]{80,120}AA|sk-ant-oat\d{2}-[A-Za-z0-9_-]{80,120}"),
    ("anyscale/1", r"esecret_[a-z0-9]{24,40}"),
    ("artifactory/1", r"AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59}"),
    ("asana/1", r"[012]/\d{16}/\d{16}:[a-f0-9]{32}"),
    ("atlassian/1", r"ATATT3[A-Za-z0-9_=-]{186}|ATBB[A-Za-z0-9]{32}|ATCTT3x[A-Za-z0-9_=-]{150,250}"),
    ("aws/2", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}|amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|amzn1\.oa2-cs\.v1\.[a-f0-9]{64}"),
    ("aws-bedrock/1", r"ABSK[A-Za-z0-9+/]{109,269}={0,2}|bedrock-api-key-[A-Za-z0-9+/=]{40,400}"),
    ("axiom/1", r"xa(?:at|pt)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("azure-ad/1", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("azure-devops/1", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    ("azure-services/1", r"[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}|[A-Za-z0-9+/]{42}\+(?:ACR|AEh|ASb|ARm|AIoT)[A-Za-z0-9+/]{6,7}={0,1}|[A-Za-z0-9+/]{76}(?:\+ASt|ACDb)[A-Za-z0-9+/]{5}[AQgw]==|[A-Za-z0-9]{33}AzCa[A-P][A-Za-z0-9]{5}="),
    ("beamer/1", r"b_[a-z0-9=_-]{44}"),
    ("buildkite/1", r"bk(?:ua|aj|ct|at)_[A-Za-z0-9]{40}"),
    ("cerebras/1", r"csk-[a-z0-9]{48}"),
    ("checkly/1", r"cu_[a-f0-9]{32}"),
    ("circleci/1", r"CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}"),
    ("clickhouse/1", r"4b1d[A-Za-z0-9]{38}"),
    ("clickup/1", r"pk_\d{5,9}_[A-Z0-9]{32}"),
    ("clojars/1", r"(?i:CLOJARS_)[A-Za-z0-9]{60}"),
    ("cloudflare/1", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}|cf(?:ut|at)_[A-Za-z0-9]{40,56}"),
    ("contentful/1", r"CFPAT-[A-Za-z0-9_-]{43}"),
    ("cratesio/1", r"cio[A-Za-z0-9]{32}"),
    ("databricks/1", r"dapi[a-f0-9]{32}(?:-\d)?"),
    ("dbt/1", r"dbt[cu]_[A-Za-z0-9_-]{32,60}"),
    ("defined/1", r"dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"),
    ("deno/1", r"dd[po]_[A-Za-z0-9]{36,40}"),
    ("dependency-track/1", r"odt_(?:[A-Za-z0-9]{8}_)?[A-Za-z0-9]{32,40}"),
    ("digitalocean/1", r"do[opr]_v1_[a-f0-9]{64}"),
    ("discord/1", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    ("discord-webhook/1", r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,70}"),
    ("docker/1", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40}"),
    ("doppler/1", r"dp\.(?:pt|st|ct|scim|audit|sa)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    ("dropbox/1", r"sl\.[A-Za-z0-9_-]{130,1000}"),
    ("duffel/1", r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}"),
    ("dynatrace/2", r"dt0[cs]0\d\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    ("easypost/1", r"EZ[AT]K[A-Za-z0-9]{54}"),
    ("elevenlabs/1", r"sk_[a-f0-9]{48}"),
    ("facebook/1", r"EAA[MC][A-Za-z0-9]{100,250}|\d{15,16}\|[A-Za-z0-9_-]{27,40}"),
    ("figma/1", r"figd_[A-Za-z0-9_-]{40}"),
    ("firecrawl/1", r"fc-[a-f0-9]{32}"),
    ("fleetbase/1", r"flb_(?:live|test)_[A-Za-z0-9]{20}"),
    ("flutterwave/1", r"FLW(?:PUBK|SECK)_TEST-[a-h0-9]{32}-X|FLWSECK_TEST-?[a-h0-9]{12}"),
    ("flyio/1", r"fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,900}={0,3}"),
    ("frameio/1", r"fio-u-[A-Za-z0-9=_-]{64}"),
    ("freemius/1", r"sk_[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]{29}-freemius"),
    ("gcp/1", r"AIza[A-Za-z0-9_-]{35}"),
    ("gitea/1", r"gta_[a-f0-9]{40}"),
    ("github/1", r"(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}|github_pat_\w{82}"),
    ("gitlab/2", r"gl(?:pat|dt|ft|soat|imt|agent|oas|cbt|ptt|rt|rtr|ffct)-[A-Za-z0-9_=.-]{20,300}|GR1348941[A-Za-z0-9_-]{20}|_gitlab_session=[0-9a-z]{32}"),
    ("gocardless/1", r"live_[A-Za-z0-9_=-]{40}"),
    ("google-chat/1", r"https://chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]{8,20}/messages\?key=[A-Za-z0-9_-]{30,60}&token=[A-Za-z0-9_-]{30,60}(?:%3D)?"),
    ("google-oauth/1", r"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,300}|1//0[A-Za-z0-9_-]{40,120}"),
    ("grafana/1", r"glc_[A-Za-z0-9+/]{32,400}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|eyJrIjoi[A-Za-z0-9]{70,400}={0,3}"),
    ("groq/1", r"gsk_[A-Za-z0-9]{52}"),
    ("harness/1", r"(?:pat|sat)\.[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}"),
    ("hashicorp/1", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9=_-]{60,70}"),
    ("heroku/1", r"HRKU-AA[A-Za-z0-9_-]{58}"),
    ("honeycomb/1", r"hc[abcx](?:ik|lk|mk)_[a-z0-9]{58}"),
    ("hubspot/1", r"pat-(?:na|eu|ap)\d-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    ("huggingface/1", r"(?:hf_|api_org_)[A-Za-z]{34}"),
    ("infisical/1", r"st\.[a-f0-9]{24}\.[a-f0-9]{32}\.[a-f0-9]{32}"),
    ("infracost/2", r"ico-[A-Za-z0-9]{32}"),
    ("intra42/1", r"s-s4t2(?:ud|af)-[abcdef0123456789]{64}"),
    ("ionic/1", r"ion_[A-Za-z0-9]{42}"),
    ("jina/1", r"jina_[A-Za-z0-9]{32}[A-Za-z0-9_-]{28}"),
    ("langfuse/1", r"(?:sk|pk)-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("langsmith/1", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    ("linear/1", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"),
    ("llama-cloud/1", r"llx-[A-Za-z0-9]{48}"),
    ("logfire/1", r"pylf_v\d_(?:us|eu)_[A-Za-z0-9]{43}"),
    ("mailchimp/1", r"[a-f0-9]{32}-us\d{1,2}"),
    ("mailgun/1", r"key-[a-f0-9]{32}|pubkey-[a-f0-9]{32}"),
    ("mapbox/1", r"[ps]k\.eyJ[A-Za-z0-9_-]{20,120}\.[A-Za-z0-9_-]{20,30}"),
    ("maxmind/1", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("mercado-pago/1", r"APP_USR-\d{10,20}-\d{6}-[a-f0-9]{32}-\d{6,12}"),
    ("mergify/1", r"mka_[A-Za-z0-9_-]{40,90}"),
    ("midtrans/1", r"(?:SB-)?Mid-server-[A-Za-z0-9_-]{20,30}"),
    ("mollie/1", r"(?:live|test)_[A-Za-z0-9]{30}"),
    ("n8n/1", r"n8n_api_[a-f0-9]{80}"),
    ("neon/1", r"napi_[a-z0-9]{64}"),
    ("netlify/1", r"nfp_[A-Za-z0-9]{36,40}"),
    ("newrelic/1", r"NRAK-[A-Za-z0-9]{27}|NRJS-[a-f0-9]{19}|NRII-[A-Za-z0-9-]{32}|NRRA-[a-f0-9]{42}"),
    ("notion/1", r"ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43}"),
    ("npm/1", r"npm_[A-Za-z0-9]{36}"),
    ("nuget/1", r"oy2[a-z0-9]{43}"),
    ("nvidia/1", r"nvapi-[A-Za-z0-9_-]{60,70}"),
    ("octopus/1", r"API-[A-Z0-9]{26}"),
    ("onesignal/1", r"os_v2_(?:app|org)_[a-z2-7]{103}"),
    ("openai/2", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,200}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|sess-[A-Za-z0-9]{40}|sk-helicone-[a-z0-9-]{30,60}"),
    ("openrouter/1", r"sk-or-v1-[0-9a-f]{64}"),
    ("openshift/1", r"sha256~[A-Za-z0-9_-]{43}"),
    ("paddle/1", r"pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}"),
    ("paypal-braintree/1", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    ("perplexity/1", r"pplx-[A-Za-z0-9]{48}"),
    ("pinecone/1", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,70}"),
    ("plaid/1", r"access-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("planetscale/1", r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32,64}"),
    ("posthog/1", r"ph[cx]_[A-Za-z0-9_-]{43,47}"),
    ("postman/1", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("prefect/1", r"pn[ub]_[a-z0-9]{36}"),
    ("pubnub/1", r"(?:pub|sub)-c-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sec-c-[A-Za-z0-9+/=]{44,60}"),
    ("pulumi/1", r"pul-[a-f0-9]{40}"),
    ("pypi/1", r"pypi-AgE[A-Za-z0-9_-]{50,1000}"),
    ("rancher/1", r"(?:kubeconfig|token)-[a-z0-9.-]{5,40}:[a-z0-9]{54}"),
    ("razorpay/1", r"rzp_(?:live|test)_[A-Za-z0-9]{14}"),
    ("readme/1", r"rdme_[a-z0-9]{70}"),
    ("render/1", r"rnd_[A-Za-z0-9]{28,40}"),
    ("replicate/1", r"r8_[A-Za-z0-9_-]{37}"),
    ("resend/1", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    ("retool/1", r"retool_01[a-z0-9]{24}"),
    ("rootly/1", r"rootly_[a-f0-9]{64}"),
    ("rubygems/1", r"rubygems_[a-f0-9]{48}"),
    ("runpod/1", r"rpa_[A-Z0-9]{40,50}"),
    ("salesforce/1", r"00[A-Za-z0-9]{13}![A-Za-z0-9._]{80,140}"),
    ("scaleway/1", r"SCW[A-Z0-9]{17}"),
    ("scalingo/1", r"tk-us-[A-Za-z0-9_-]{48}"),
    ("sendgrid/1", r"SG\.[A-Za-z0-9=_.-]{22}\.[A-Za-z0-9=_.-]{43}|SG\.[A-Za-z0-9=_.-]{66}"),
    ("sendinblue/2", r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("sentry/1", r"sntr[yu]s_[A-Za-z0-9+/=_-]{60,400}|sntryu_[a-f0-9]{64}"),
    ("settlemint/1", r"sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}"),
    ("shippo/1", r"shippo_(?:live|test)_[a-fA-F0-9]{40}"),
    ("shopify/1", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("slack/2", r"xox[bp]-\d{8,14}-\d{7,14}(?:-\d{7,14})?-[A-Za-z0-9]{16,40}|xoxb-\d{8,14}-[A-Za-z0-9]{18,34}|xox[aeors]-(?:\d-)?(?:\d{4,14}-)*[A-Za-z0-9]{10,250}|xox[ar]-\d-[a-z0-9]{8,48}|xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{100,250}|xapp-\d-[A-Z0-9]{8,15}-\d{10,15}-[a-f0-9]{40,80}|xox[cd]-[A-Za-z0-9%-]{40,250}"),
    ("slack-webhook/2", r"(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/(?:T[A-Z0-9]{6,12}/[A-Z0-9]{6,14}/(?:\d{10,22}/)?[A-Za-z0-9]{18,30}|[A-Za-z0-9+/]{40,60})"),
    ("snyk/1", r"snyk_(?:uat|sat)\.[A-Za-z0-9._-]{20,200}"),
    ("sonar/1", r"sq[upa]_[a-f0-9]{40}"),
    ("sourcegraph/2", r"sgp_(?:(?:[A-Fa-f0-9]{16}|local)_){0,2}[A-Fa-f0-9]{40}|slk_[a-f0-9]{64}"),
    ("square/1", r"(?:EAAA|sq0atp-|sq0csp-|sq0idp-)[A-Za-z0-9_-]{22,60}"),
    ("statsig/1", r"secret-[A-Za-z0-9]{43}"),
    ("stripe/2", r"(?:sk|rk)_(?:test|live|prod)_[A-Za-z0-9]{10,110}|whsec_[A-Za-z0-9+/]{32,64}={0,2}"),
    ("stytch/1", r"secret-(?:live|test)-[A-Za-z0-9_=-]{36}"),
    ("supabase/2", r"sbp_[a-z0-9]{40}|sb_secret_[A-Za-z0-9_-]{31}"),
    ("tailscale/2", r"tskey-(?:api|auth|client|scim|webhook|secret)-[A-Za-z0-9]{5,20}(?:-[A-Za-z0-9]{4,40})?"),
    ("tavily/1", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{30,40}"),
    ("teams-webhook/2", r"https://(?:[a-z0-9]{1,60}\.webhook|outlook)\.office\.com/webhook(?:b2)?/[a-z0-9-]{36}@[a-z0-9-]{36}/IncomingWebhook/[a-z0-9]{32}/[a-z0-9-]{36}(?:/[A-Za-z0-9_-]{20,60})?"),
    ("telegram/1", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("tencent/1", r"AKID[A-Za-z0-9]{32}"),
    ("tickettailor/1", r"sk_\d{4}_\d{6}_[a-f0-9]{32}"),
    ("together/1", r"tgp_v1_[A-Za-z0-9_-]{43}"),
    ("trello/1", r"ATTA[a-f0-9]{64}[A-F0-9]{8}"),
    ("twilio/1", r"SK[0-9a-f]{32}"),
    ("typeform/2", r"tfp_[A-Za-z0-9_=.-]{40,60}"),
    ("vault/2", r"hv[sbr]\.[A-Za-z0-9_-]{24,300}"),
    ("vault-old/1", r"s\.[A-Za-z0-9]{24}"),
    ("vercel/1", r"vc[a-z]_[A-Za-z0-9]{40,60}"),
    ("volcengine/1", r"AKLT[A-Za-z0-9+/_-]{40,60}"),
    ("voyage/1", r"pa-[A-Za-z0-9_-]{43}"),
    ("wandb/1", r"wandb_v1_[A-Za-z0-9_]{60,100}"),
    ("xai/1", r"xai-[A-Za-z0-9]{80}"),
    ("xendit/1", r"xnd_(?:production|development)_[A-Za-z0-9]{40,80}"),
    ("yandex/1", r"t1\.[A-Z0-9a-z_-]{1,500}=?\.[A-Z0-9a-z_-]{86}={0,2}|AQVN[A-Za-z0-9_-]{35,38}|YC[a-zA-Z0-9_-]{38}"),
    ("zendesk/1", r"[A-Za-z0-9]{40}zdt"),
    ("zoho/1", r"1000\.[a-f0-9]{32}\.[a-f0-9]{32}"),
)  # fmt: skip
_JUDGES: Final = {"age/2": _is_told, "vault-old/1": _is_mixed}
RULES: Final = tuple(
    Rule(f"key/{name}", Category.API_KEY, rf"(?:\b|[^{_WORD_SIGNS}])({form})", _JUDGES.get(name, _fits), group=1)
    for name, form in _FORMS
)
