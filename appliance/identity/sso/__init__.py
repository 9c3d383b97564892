"""Sign-on by an organisation's own identity providers, over OIDC and SAML 2.0.

Trusted: what a connection's keys signed, for that connection's own organisation alone. Not trusted: the browser that
carries it, addresses that a provider names outside of the organisation's verified domains, and every other
organisation's provider. An e-mail address never links two accounts.
"""
