"""Ed25519 verification (RFC 8032, 5.1.7) in Python alone, so that an auditor needs nothing else. It holds no secret.

Points are extended homogeneous coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z. About 5 ms a signature.
"""

import hashlib

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)
_BYTES = 32
Point = tuple[int, int, int, int]


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether this is the signature of the message by the holder of the key."""
    if len(public) != _BYTES or len(signature) != 2 * _BYTES:
        return False
    key, nonce = _point(public), _point(signature[:_BYTES])
    scalar = int.from_bytes(signature[_BYTES:], "little")
    if key is None or nonce is None or scalar >= _L or _is_small(key):
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:_BYTES] + public + message).digest(), "little") % _L
    return _are_same(_times(scalar, _BASE), _sum(nonce, _times(challenge, key)))


def _sum(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _sum(found, point)
        point = _sum(point, point)
        scalar >>= 1
    return found


def _are_same(one: Point, other: Point) -> bool:
    return not ((one[0] * other[2] - other[0] * one[2]) % _P or (one[1] * other[2] - other[1] * one[2]) % _P)


def _is_small(point: Point) -> bool:
    """Say whether the point is one of the eight that every signature would fit (a key that nobody holds)."""
    return _are_same(_times(8, point), (0, 1, 1, 0))


def _point(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    x = _abscissa(y, sign)
    return None if x is None else (x, y, 1, x * y % _P)


def _abscissa(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    if square == 0:
        return None if sign else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_1 % _P
    if (x * x - square) % _P:
        return None
    return _P - x if x & 1 != sign else x


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = _abscissa(_BASE_Y, 0) or 0
_BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
