"""What `appliance doctor` says of the certificates of identity providers."""

from typing import Final

from appliance.ops.preflight import Finding, Level

CERTIFICATES: Final = "SELECT ending, ended FROM cloister.sign_on_certificates()"


def judge_certificates(ending: int, ended: int) -> Finding | None:
    """Judge them, in numbers; None while none ends soon."""
    remedy = "Its administrators enter the provider's new certificate under Sign-on; old and new are good at the same time."
    if ended:
        return Finding("sign-on certificates", Level.FAIL, f"connections that let nobody in any more: {ended}", remedy)
    if ending:
        return Finding("sign-on certificates", Level.WARN, f"connections whose certificate ends within 30 days: {ending}", remedy)
    return None
