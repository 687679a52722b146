"""Texts from files, made safe for a terminal, for Markdown and for HTML. Standard library alone."""

import re
import unicodedata

# Control characters, half surrogates, and marks that turn the direction of writing around them.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


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


def _is_hidden(character):
    return unicodedata.category(character) in _HIDDEN


def _escaped(character):
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def markdown(text) -> str:
    """Returns a text as it reads, whatever Markdown or HTML it holds, on one line."""
    return _MARKUP.sub(r"\\\1", printable(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")


def code(text) -> str:
    """Returns a text as Markdown code within a line."""
    text = printable(text).replace("|", "\\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text[:1] in ("`", "") or text[-1:] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
