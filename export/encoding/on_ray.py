"""Encodes the shards of a plan by actors of a Ray cluster, through Ray Data.

Only numbers of shards pass through Ray. An actor reads the images of a shard from storage that all
nodes have at the same path, and writes the shard there. So memory is that of one block of images
an actor, and a shard that was written is never lost with a node.
"""

import contextlib
import logging
import shutil
import socket

import numpy as np

from export.encoding.shard import Worker
from trainers import errors

TRIES = 4  # starts of a shard whose actors end: the shard may be what ends them
STARTS = ".starts"  # a folder with a file a shard, a byte longer with each start


class Actor:
    """A worker on a node, as Ray Data calls it.

    Args:
        plan: The `Plan`.
        num_threads: Threads of an operation.
    """

    def __init__(self, plan, num_threads):
        self.plan, self.num_threads, self.worker = plan, num_threads, None

    def __call__(self, batch):
        """Writes shards; an error that the user can mend is a text in the row of its shard.

        Args:
            batch: dict with `shard` [n], numbers.

        Returns:
            dict with `shard` [n], `rows` [n] and `error` [n].
        """
        written = [self._write(int(number)) for number in batch["shard"]]
        rows, texts = zip(*written)
        return {"shard": batch["shard"], "rows": np.array(rows), "error": np.array(texts, object)}

    def _write(self, number):
        try:
            self.worker = self.worker or Worker(self.plan, self.num_threads)
            with _counted(self.plan, number):
                return self.worker.write(number), ""
        except Exception as error:
            line = errors.explain(error)
            if line is None:
                raise
            return 0, f"{line} (on the node {socket.gethostname()})"


@contextlib.contextmanager
def _counted(plan, number):
    """Raises RuntimeError if a shard was begun `TRIES` times, and its actor ended each time."""
    path = plan.out / STARTS / str(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as starts:
        if starts.tell() >= TRIES:
            raise RuntimeError(
                f"Expected a shard that ends no process: out of memory? Received: {number} of "
                f"{plan.shards}, begun {TRIES} times"
            )
        starts.write(b".")
    yield
    path.unlink(missing_ok=True)


def write(plan, numbers, cluster):
    """Yields the number of rows of each shard when it has been written.

    Args:
        plan: The `Plan`.
        numbers: The shards to write.
        cluster: A `trainers.executors.cluster.Cluster`: what an actor needs, and how many at most.

    Raises:
        ValueError: If an image cannot be read or does not fit, or a node does not see the model or
            the images, or a shard ends its actor again and again. Shards that were written stay.
    """
    from ray import data

    _be_quiet(data)
    fewest = min(cluster.slots, len(numbers))
    pool = data.ActorPoolStrategy(
        min_size=fewest, max_size=cluster.jobs or len(numbers), max_tasks_in_flight_per_actor=2
    )
    shards = data.from_items([{"shard": n} for n in numbers], override_num_blocks=len(numbers))
    written = shards.map_batches(
        Actor,
        fn_constructor_args=(plan, max(1, int(cluster.cpus))),
        batch_size=1,
        compute=pool,
        num_cpus=cluster.cpus,
        num_gpus=cluster.gpus or None,
        memory=cluster.memory or None,
        runtime_env={"env_vars": cluster.sent},
    )
    shutil.rmtree(plan.out / STARTS, ignore_errors=True)  # of an earlier command
    for row in written.iter_rows():
        if row["error"]:
            raise ValueError(row["error"])
        yield int(row["rows"])
    shutil.rmtree(plan.out / STARTS, ignore_errors=True)


def _be_quiet(data):
    """Leaves out Ray Data's bars and its lines on the plan of the execution."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
