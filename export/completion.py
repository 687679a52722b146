"""Prints the shell completion of `elbo-zoo`: commands, their flags, names of models.

    eval "$(elbo-zoo completion bash)"
    python -m export.completion bash|zsh|fish

The script asks `elbo-zoo completion words` what may follow, so it knows commands and flags that
were added after it was installed.
"""

import contextlib
import io
import re
import sys
from collections.abc import Sequence

from zoo import commands

_BASH = """\
_elbo_zoo() {
  local current=${COMP_WORDS[COMP_CWORD]} flag="" words=""
  [[ $current == "=" ]] && current="" && flag=${COMP_WORDS[COMP_CWORD-1]}
  [[ ${COMP_WORDS[COMP_CWORD-1]} == "=" ]] && flag=${COMP_WORDS[COMP_CWORD-2]}
  if [[ $COMP_CWORD -eq 1 ]]; then
    words=$(elbo-zoo completion words 2>/dev/null)
  elif [[ $current == -* || ${COMP_WORDS[1]} == completion ]]; then
    words=$(elbo-zoo completion words "${COMP_WORDS[1]}" 2>/dev/null)
  elif [[ $flag == "" || $flag == --model ]]; then
    words=$(elbo-zoo completion words --model 2>/dev/null)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _elbo_zoo elbo-zoo
"""
_FISH = """\
complete -c elbo-zoo -n __fish_use_subcommand -xa "(elbo-zoo completion words)"
complete -c elbo-zoo -n "not __fish_use_subcommand" \\
  -a "(elbo-zoo completion words (commandline -opc)[2]; elbo-zoo completion words --model)"
"""
SCRIPTS = {
    "bash": _BASH,
    "zsh": f"autoload -U +X bashcompinit && bashcompinit\n{_BASH.replace('compopt', ': compopt')}",
    "fish": _FISH,
}
# A line of `--help`, of absl or of argparse: `  --[no]name`, `  --name:`, `  --name VALUE`.
_FLAG = re.compile(r"^  (?:-\w, )?--(\[no\])?([\w-]+)(:| [A-Z\[])?", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the script of a shell, or the words that may follow; returns the exit code.

    Args:
        arguments: "bash", "zsh" or "fish"; or "words", then a command or "--model" or nothing.
            Those of the process by default.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    match arguments:
        case ["-h" | "--help"]:
            print(__doc__.strip())
        case [shell] if shell in SCRIPTS:
            print(SCRIPTS[shell], end="")
        case ["words"]:
            print("\n".join(sorted([*commands.find(), "--help", "--version"])))
        case ["words", "--model"]:
            from zoo.releases import catalogue

            print("\n".join(catalogue.names()))
        case ["words", "completion"]:
            print("\n".join(SCRIPTS))
        case ["words", name]:
            print("\n".join(flags_of(name)))
        case _:
            received = " ".join(arguments)
            print(
                f"error: Expected a shell, one of {', '.join(SCRIPTS)}. Received: {received!r}. "
                'Example: eval "$(elbo-zoo completion bash)"',
                file=sys.stderr,
            )
            return 2
    return 0


def flags_of(name: str) -> list[str]:
    """Returns the flags of a command as its `--help` lists them; those with a value end in `=`.

    Args:
        name: A command, for example "train".

    Returns:
        Sorted flags, for example ["--config=", "--workdir="]; none of an unknown command.
    """
    module = commands.find().get(name)
    if module is None:
        return []
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        commands.run(module, ["--help"])
    flags = set()
    for no, flag, value in _FLAG.findall(text.getvalue()):
        flags.add(f"--{flag}=" if value and not no else f"--{flag}")
        if no:
            flags.add(f"--no{flag}")
    return sorted(flags)


if __name__ == "__main__":
    sys.exit(main())
