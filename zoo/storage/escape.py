"""Texts from files, made safe for a terminal, for Markdown and for HTML. Standard library alone."""

import re
import unicodedata

# Control characters, half surrogates, and marks that turn the direction of writing around them.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")  # where HTML begins


def printable(text, keep="") -> str:
    """Returns a text in which a terminal sees characters alone, and no commands.

    Control characters become `\\x1b`, for example, so that the text can neither move the cursor
    nor write other lines than its own.

    Args:
        text: Anything; `str` of it is taken.
        keep: Characters that stay, a newline for example.
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_hidden(c) else _escaped(c) for c in text)


def printable_lines(text) -> str:
    """Returns `printable(text)` with its lines as they are, for an error that holds a table."""
    return printable(text, keep="\n")


def _is_hidden(character):
    return unicodedata.category(character) in _HIDDEN


def _escaped(character):
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def markdown(text) -> str:
    """Returns a text on one line in which Markdown sees no HTML, no code and no link.

    Texts without such marks stay as they are.
    """
    text = printable(text).replace("`", "'").replace("](", "]\\(")
    return _TAG.sub("&lt;", text)


def cell(text) -> str:
    """Returns `markdown(text)` for a cell of a table."""
    return markdown(text).replace("|", "\\|")
