"""Where runs are computed: processes of this machine, or a Ray cluster, behind one interface."""

from trainers.executors.base import Ended, Executor, Job

__all__ = ["NAMES", "Ended", "Executor", "Job", "make"]

NAMES = ("local", "ray")


def make(name: str, **options) -> Executor:
    """Returns an executor by its name.

    Args:
        name: "local" or "ray".
        **options: Of `local.Local` or `on_ray.OnRay`.

    Raises:
        ValueError: If there is no such executor, or if an option is out of range.
        ModuleNotFoundError: If Ray is needed and not installed.
    """
    from zoo.arguments import check_names

    check_names([name], NAMES, "executor")
    if name == "local":
        from trainers.executors.local import Local

        return Local(**options)
    from trainers.executors.on_ray import OnRay

    return OnRay(**options)
