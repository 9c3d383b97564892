"""SAML 2.0 as a service provider: strict about what it reads, plain about why it refuses.

Trusted: the certificates that an administrator entered for a connection, and the element that one of them signed. Not
trusted: every byte around it, what a message says of its own keys, algorithms and transforms, and the browser between.
`reading` turns bytes into a tree, `signatures` a tree into the element that was signed, `verifying` that element into an
`Asserted`. All three are functions of their arguments: no database, no network, no clock.
"""
