"""What a document says of itself: confidential, trade secret, attorney-client, and the like."""

from typing import Final

from appliance.dlp.look import NO, Look, Rule
from appliance.dlp.values import Category


def _marked(look: Look) -> float:
    """Count a marking as such at the edge of a line or in capitals: in a sentence, people talk about it."""
    value = look.value
    line_before = look.shadow.raw[max(0, look.start - 40) : look.start].rsplit(b"\n", 1)[-1].strip(b' \t*#_-|[(<"')
    line_after = look.shadow.raw[look.end : look.end + 40].split(b"\n", 1)[0].strip(b' \t*#_-|])>.:!"')
    stands_alone = not line_before and not line_after
    if value.isupper():
        return 0.95 if stands_alone else 0.8
    return 0.85 if stands_alone else NO


RULES: Final = (
    Rule("marking/1", Category.MARKING,
         r"(?i)\b(?:(?:strictly|highly|company|business|privileged (?:and|&)) confidential|confidential(?: information| and proprietary| ?[-–/] ?(?:internal|do not distribute))?"
         r"|trade secrets?|proprietary (?:and confidential|information)|attorney[- ]client privileged?|internal use only|for internal use only|not for distribution"
         r"|top secret|restricted|streng vertraulich|vertraulich|geschäftsgeheimnis|betriebsgeheimnis|nur für den (?:internen gebrauch|dienstgebrauch)|verschlusssache"
         r"|strictement confidentiel|confidentiel|secret des affaires|diffusion restreinte|estrictamente confidencial|confidencial|secreto comercial|riservato|strettamente confidenziale"
         r"|TLP:(?:AMBER(?:\+STRICT)?|RED))\b", _marked),
)  # fmt: skip
