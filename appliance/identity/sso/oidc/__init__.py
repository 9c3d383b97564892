"""OpenID Connect, as a relying party: our own small client, and `joserfc` for what tokens are signed with.

Trusted: the issuer, once its name, its TLS and the signature of its token fit. Not trusted: the browser that carries the
code, and every member of a token that no rule here reads. Code flow alone, with PKCE; an ID token must be there.
"""
