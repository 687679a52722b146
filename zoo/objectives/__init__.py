"""The objective room: what is minimised."""

from zoo.objectives.beta import Beta
from zoo.objectives.bilbo import Bilbo
from zoo.objectives.classified import Classified
from zoo.objectives.infomax import Infomax
from zoo.objectives.infovae import InfoVAE
from zoo.objectives.mu import Mu
from zoo.objectives.objective import Objective
from zoo.objectives.rate_distortion import RateDistortion
from zoo.objectives.target_rate import TargetRate

__all__ = [
    "Beta",
    "Bilbo",
    "Classified",
    "InfoVAE",
    "Infomax",
    "Mu",
    "Objective",
    "RateDistortion",
    "TargetRate",
]
