"""The objective room: what is minimised."""

from zoo.objectives.beta import Beta
from zoo.objectives.objective import Objective

__all__ = ["Beta", "Objective"]
