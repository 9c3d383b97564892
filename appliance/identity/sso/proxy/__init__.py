"""Sign-on by a proxy in front of this house that has checked already who comes: by a client certificate, or by its own means.

Trusted: requests from the addresses of that one proxy that carry its secret. Not trusted: any other request, whatever its headers
say. The proxy must set these headers itself and let none of a browser's through.
"""
