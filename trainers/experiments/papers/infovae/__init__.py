"""The figures and the table of `infovae`, InfoVAE: Balancing Learning and Inference."""

from trainers.experiments.papers.infovae import pixelcnn as pixelcnn
from trainers.experiments.papers.infovae import simple as simple
from trainers.experiments.papers.infovae.shared import study as study
