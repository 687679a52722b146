"""Contenders in processes of their own, run in alternation, and what else the machine did.

A contender is a module with `make(**options)`, which returns a function `run(steps)`. It lives in
a process of its own, so neither the threads nor the memory of one framework can disturb another;
a process that is not asked sleeps. `alternate` asks each in turn, round after round.
"""

import argparse
import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import time

from trainers import scripts

_MARK = "@round "


class Contender:
    """A process that runs rounds of a contender on request.

    Args:
        name: What the tables call it.
        module: Module with `make(**options)` that returns `run(steps)`.
        options: Mapping for `make`; JSON types only.
        environment: Mapping, added to this process's environment.
    """

    def __init__(self, name, module, options=None, environment=None):
        self.name = name
        self.module = module
        self.options = dict(options or {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, f"--module={module}"]
            + [f"--options={json.dumps(self.options)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def wait(self):
        """Waits until it is ready; returns the seconds that preparation and first steps took."""
        return self._answer()["preparation"]

    def round(self, seconds):
        """Runs for about `seconds`; returns a turn.

        `{"steps", "seconds", "processor_seconds", "other_load"}`: `processor_seconds` is the time
        of all its threads, `other_load` what all other processes used meanwhile, in cores.
        """
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        """Ends the process."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self):
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        raise RuntimeError(
            f"Expected an answer of the contender {self.name!r}; its message is above. "
            f"Received: exit status {self._process.wait()}"
        )


def alternate(contenders, rounds, seconds, max_other_load=None, patience=20):
    """Runs every contender once a round, and takes a round again where others were busy.

    Args:
        contenders: `Contender`s.
        rounds: How many rounds.
        seconds: Length of each contender's turn.
        max_other_load: In cores; a turn with more is run again. None takes every turn.
        patience: How often a turn is run again; the quietest of them counts then.

    Returns:
        `{name: [turn, ...]}`, one turn (see `Contender.round`) a round.
    """
    turns = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        # Every second round goes backwards: nobody always follows the same neighbour.
        for contender in contenders if number % 2 == 0 else contenders[::-1]:
            tries = []
            while len(tries) <= patience:
                tries.append(contender.round(seconds))
                if max_other_load is None or tries[-1]["other_load"] <= max_other_load:
                    break
                time.sleep(seconds)
            turns[contender.name].append(min(tries, key=lambda turn: turn["other_load"]))
            if max_other_load is None:
                turns[contender.name][-1] = tries[-1]
    return turns


def compare(contenders, rounds, seconds):
    """Waits for contenders, alternates them, and ends them whatever happens; see `alternate`."""
    try:
        for contender in contenders:
            contender.wait()
        return alternate(contenders, rounds, seconds)
    finally:
        for contender in contenders:
            contender.close()


def arguments(description, seconds):
    """Returns the parser of a benchmark's command line.

    Args:
        description: The benchmark's docstring, with its command.
        seconds: Length of a turn by default.
    """
    parser = scripts.Parser(description)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of a turn")
    parser.add_argument("--out", help="a JSON file for the numbers")
    parser.add_argument("--tiny", action="store_true", help="one short turn each, to see it work")
    return parser


def summary(turns, batch_size=1):
    """Returns median, least and greatest examples a second, and the greatest load by others.

    Args:
        turns: One contender's list from `alternate`.
        batch_size: Examples a step.
    """
    rates = [turn["steps"] * batch_size / turn["seconds"] for turn in turns]
    loads = [turn["other_load"] for turn in turns if turn["other_load"] is not None]
    return {
        "median": statistics.median(rates),
        "min": min(rates),
        "max": max(rates),
        "rounds": len(rates),
        "other_load": max(loads) if loads else None,
    }


def _busy_seconds():
    """Processor seconds that the whole machine has worked, or None where it does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    user, nice, system, _, _, irq, soft_irq, steal = fields
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


def timed(run, steps):
    """Runs `steps` steps; returns a turn, see `Contender.round`."""
    busy, own, start = _busy_seconds(), time.process_time(), time.perf_counter()
    run(steps)
    seconds = time.perf_counter() - start
    own = time.process_time() - own
    load = None if busy is None else max(0.0, (_busy_seconds() - busy - own) / seconds)
    return {"steps": steps, "seconds": seconds, "processor_seconds": own, "other_load": load}


def _serve(run, multiple):
    """Answers requests on standard input until it closes."""
    start = time.perf_counter()
    run(multiple)
    preparation = time.perf_counter() - start
    run(multiple)
    print(_MARK + json.dumps({"preparation": preparation}), flush=True)
    per_step = timed(run, multiple)["seconds"] / multiple
    for line in sys.stdin:
        steps = max(1, round(float(line) / per_step / multiple)) * multiple
        turn = timed(run, steps)
        per_step = turn["seconds"] / turn["steps"]
        print(_MARK + json.dumps(turn), flush=True)


def main():
    """Runs as a contender's process."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--module", required=True)
    parser.add_argument("--options", default="{}")
    flags = parser.parse_args()
    run = importlib.import_module(flags.module).make(**json.loads(flags.options))
    _serve(run, getattr(run, "multiple", 1))


if __name__ == "__main__":
    main()
