"""Names of classes as a picture can draw them: one line, short, in a font that has the letters."""

import dataclasses
import functools
import unicodedata

import matplotlib
from matplotlib import font_manager, ft2font
from matplotlib.font_manager import FontProperties

LONGEST = 24  # letters of a name in a picture
# Fonts of placeholder boxes, and of coloured bitmaps, which Matplotlib does not draw.
_NO_LETTERS = ("Last Resort", "Emoji")
_WEIGHTS = ("normal", "bold")  # legends are normal, names among the points bold


@dataclasses.dataclass(frozen=True)
class ClassName:
    """A name as it is drawn.

    Args:
        text: What is drawn, plain text: a dollar or an underscore means nothing else.
        families: Font families, the first that has a letter draws it.
        is_substitute: Whether `text` stands for a name that no installed font can draw.
    """

    text: str
    families: tuple[str, ...]
    is_substitute: bool = False

    @property
    def width(self) -> int:
        """Letters of ordinary width that the text takes; Chinese ones count twice."""
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in self.text)

    def style(self, text):
        """Gives a Matplotlib `Text` this text, these fonts and no formulas; returns it."""
        text.set_parse_math(False)
        text.set_text(self.text)
        text.set_fontfamily(list(self.families))
        return text


def class_name(label: int, name: str) -> ClassName:
    """Returns how a class is drawn: by its name, or as "class 3" where no font has its letters.

    Args:
        label: The class's number.
        name: Its name: any text, folder names for example.
    """
    default = tuple(matplotlib.rcParams["font.family"])
    text = _shortened(_cleaned(str(name)))
    letters = frozenset(ord(c) for c in text if unicodedata.category(c) not in ("Zs", "Cf"))
    missing = frozenset(letters - _letters(default))
    family = _family(missing) if missing else ""
    if not text or family is None or (_is_right_to_left(text) and not _can_shape()):
        return ClassName(f"class {label}", default, True)
    return ClassName(text, (*default, family) if family else default)


def _cleaned(name):
    """Returns a name on one line, with a mark for bytes that are no text."""
    name = "".join("\ufffd" if unicodedata.category(c) == "Cs" else c for c in name)
    name = "".join(" " if unicodedata.category(c) == "Cc" else c for c in name)
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _shortened(name):
    """Returns a long name without its middle, as names often differ at the end."""
    half = (LONGEST - 1) // 2
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1 - half]}…{name[-half:]}"


def _is_right_to_left(text):
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)


def _can_shape():
    """Returns whether Matplotlib orders and joins letters from right to left (3.11 and later)."""
    return hasattr(ft2font, "__libraqm_version__")


def _letters(families):
    """Returns the code points that the first of these fonts has in every weight that is drawn."""
    paths = [font_manager.findfont(FontProperties(family=families, weight=w)) for w in _WEIGHTS]
    return frozenset.intersection(*map(_letters_of_file, paths))


@functools.lru_cache(maxsize=512)
def _letters_of_file(path):
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # a damaged font, or one that FreeType cannot read
        return frozenset()


def _family(letters):
    """Returns the installed family whose upright fonts have all of some code points, or None.

    Families without serifs come first, then the order of the alphabet: one machine draws the same
    picture every time.
    """
    files = {}
    for font in font_manager.fontManager.ttflist:
        if font.style == "normal" and not any(word in font.name for word in _NO_LETTERS):
            files.setdefault(font.name, []).append(font.fname)
    for family in sorted(files, key=lambda name: ("Serif" in name or "Mono" in name, name)):
        if all(letters <= _letters_of_file(path) for path in files[family]):
            return family
    return None
