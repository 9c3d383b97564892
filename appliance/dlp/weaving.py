"""How something is put in the place of a piece of a text, so that whoever reads the text still can.

In plain text it is put there as it is. In JSON that is read while it comes, the signs that JSON is made of stay: what stood
within quotes is replaced within them, and a bare number by a text.
"""

import json
import re
from typing import Final, Protocol

_HEX: Final = 4
_STRUCTURE: Final = '{}[],: \t\r\n"'
_ESCAPES: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_NEVER: Final = re.compile(r"(?!)")
_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\){0,32}(?=")')
_UNSEEN: Final = "\u200b"


class Weave(Protocol):
    """Is told a text in its order, piece by piece."""

    @property
    def over(self) -> re.Pattern[str]:
        """What stands where a value in the text is over, whatever it is."""
        ...

    def seen(self, said: str) -> str:
        """Return a text as its reader understands it, sign by sign: of the same length."""
        ...

    def text(self, said: str) -> str:
        """Return what goes on of a piece in which nothing is replaced."""
        ...

    def put(self, said: str, instead: str) -> str:
        """Return what goes on in the place of a piece."""
        ...


class Plain:
    """A text that people read."""

    over: Final = _NEVER

    def seen(self, said: str) -> str:
        """Return it."""
        return said

    def text(self, said: str) -> str:
        """Return it."""
        return said

    def put(self, said: str, instead: str) -> str:  # noqa: ARG002 - nothing of it stays
        """Return what is put there."""
        return instead


PLAIN: Final = Plain()


class InJson:
    """The text of one JSON value, such as the arguments of a tool. What is put there holds no quotes and no backslash."""

    over: Final = _QUOTE

    def __init__(self) -> None:
        self._is_quoted = False
        self._literal = ""
        """The last sign of a number, in the middle of which it is."""
        self._escape = 0
        """How many signs of an escape are still to come; -1: its backslash came."""
        self._drops_escape = self._drops_literal = False

    def seen(self, said: str) -> str:
        """Return it without escapes, each of which is as long as it was by signs that nobody sees."""
        return _ESCAPES.sub(_unescaped, said) if "\\" in said else said

    def text(self, said: str) -> str:
        """Return it, but for the rest of an escape, or of a number, that was replaced."""
        if self._drops_escape or self._drops_literal:
            return "".join(sign for sign in said if self._stays(sign))
        for sign in said:
            self._follow(sign)
        return said

    def put(self, said: str, instead: str) -> str:
        """Return what is put there, and the signs of JSON that stood in the piece."""
        told, is_put = list[str](), False
        for sign in said:
            if self._drops_escape:
                self._drop_escape(sign)
            elif self._is_quoted and self._escape and not is_put:  # its backslash has gone already
                told.append(sign)
                self._follow(sign)
            elif self._is_quoted and (sign != '"' or self._escape):
                told += [] if is_put else [instead]
                is_put = True
                self._follow(sign)
            elif sign in _STRUCTURE:
                told.append(sign)
                is_put = self._drops_literal = False
                self._follow(sign)
            elif self._is_word():
                told.append(sign)
                self._follow(sign)
            elif not self._drops_literal:
                told.append(self._in_number() if self._literal else f'"{instead}"')
                self._drops_literal = True
        self._drops_escape = self._drops_escape or (is_put and self._escape != 0)
        return "".join(told)

    def _is_word(self) -> bool:
        """Say whether some of true, false or null has gone already: the rest is nobody's value, and nothing else would fit."""
        return self._literal.isalpha() and self._literal not in "eE"  # of a number

    def _in_number(self) -> str:
        """Return what a number of which something has gone already ends with."""
        return "" if self._literal.isdigit() else "0"

    def _stays(self, sign: str) -> bool:
        if self._drops_escape:
            self._drop_escape(sign)
            return False
        if self._drops_literal and sign not in _STRUCTURE:
            return False
        self._drops_literal = False
        self._follow(sign)
        return True

    def _drop_escape(self, sign: str) -> None:
        self._follow(sign)
        self._drops_escape = self._escape != 0

    def _follow(self, sign: str) -> None:
        if self._escape < 0:
            self._escape = _HEX if sign == "u" else 0
        elif self._escape:
            self._escape -= 1
        elif sign == '"':
            self._is_quoted, self._literal = not self._is_quoted, ""
        elif self._is_quoted:
            self._escape = -1 if sign == "\\" else 0
        else:
            self._literal = "" if sign in _STRUCTURE else sign


def _unescaped(match: re.Match[str]) -> str:
    said = match.group()
    sign: str = json.loads(f'"{said}"')
    return sign + _UNSEEN * (len(said) - 1)
