"""The objective room: what is minimised."""

from zoo.objectives.beta import Beta
from zoo.objectives.objective import Objective
from zoo.objectives.rate_distortion import RateDistortion
from zoo.objectives.target_rate import TargetRate

__all__ = ["Beta", "Objective", "RateDistortion", "TargetRate"]
