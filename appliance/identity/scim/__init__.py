"""Provisioning: an identity provider keeps people and groups of one organisation, by SCIM 2.0 (RFC 7643, 7644).

Trusted: a token, for the people of its own connection, in its own organisation. Not trusted: every id, filter, address and
name in a request. A person is found by connection and subject alone. Whoever loses access loses it in the transaction of the
request: sessions, tokens, links (`identity.revocation`).
"""
