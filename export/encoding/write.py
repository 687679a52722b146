"""Writes all shards of an encoding that are not there, here or on a Ray cluster."""

import contextlib

from export.encoding import plan as plans
from export.encoding.shard import Worker
from zoo.light import streaming


def shards(plan, source, cluster=None, progress=False) -> int:
    """Writes the shards of a plan that are not there; returns how many.

    Args:
        plan: The `plans.Plan`.
        source: Its images, a `pictures.Images`.
        cluster: A `trainers.executors.cluster.Cluster`; this process encodes without one.
        progress: Whether to show a bar.

    Raises:
        ValueError: If the folder has shards of other settings, or an image cannot be read.
        RuntimeError: If a shard is not there at the end.
    """
    with plans.claimed(plan):
        missing = plan.missing()
        with (
            streaming.bar(progress and streaming.can_show(), plan.count) as advance,
            contextlib.closing(_written(plan, missing, source, cluster)) as written,
        ):
            advance(plan.count - sum(stop - start for start, stop in map(plan.span, missing)))
            for rows in written:
                advance(rows)
        if missing and (left := plan.missing()):
            raise RuntimeError(f"Expected all shards at the end. Received: {len(left)} are absent")
    return len(missing)


def _written(plan, missing, source, cluster):
    """Yields the rows of each shard when it is written."""
    if not missing:
        return
    if cluster is not None:
        from export.encoding import on_ray

        yield from on_ray.write(plan, missing, cluster)
        return
    worker = Worker(plan, source=source)
    for number in missing:
        yield worker.write(number)
