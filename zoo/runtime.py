"""The former name of `zoo.light.runtime`; import from `zoo` or from there."""

from zoo.light.runtime import *  # noqa: F403
