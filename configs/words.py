"""The words after the colon of `--config=FILE:++v,target_rate,tiny`."""

from zoo.registry import nearest


def parse(argument, **kinds):
    """Returns `{kind: word}` of a config's argument: words in any order, each kind at most once.

        parse("mmd,tiny", family=("elbo", "mmd"), mode=("", "tiny", "reduced"))

    Args:
        argument: Words with commas between them.
        **kinds: The words of each kind, the first of which is the default.

    Raises:
        ValueError: If a word is of no kind, or there are two of a kind.
    """
    found = {}
    for word in filter(None, argument.split(",")):
        kind = next((kind for kind, words in kinds.items() if word in words), None)
        if kind is None:
            valid = "; ".join(f"{kind} {list(words)}" for kind, words in kinds.items())
            every = [word for words in kinds.values() for word in words]
            raise ValueError(
                f"Expected words of these kinds: {valid}. Received: {word!r}.{nearest(word, every)}"
            )
        if kind in found:
            raise ValueError(f"Expected one {kind}. Received: {found[kind]!r} and {word!r}")
        found[kind] = word
    return {kind: found.get(kind, words[0]) for kind, words in kinds.items()}
