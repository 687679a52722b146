"""Public names of `zoo`; written by `python -m zoo.stubs --write`."""

from zoo import registry as registry
from zoo.decoders.autoregressive import AutoregressiveDecoder as AutoregressiveDecoder
from zoo.decoders.baggins import Baggins as Baggins
from zoo.decoders.dcgan import DCGANDecoder as DCGANDecoder
from zoo.decoders.decoder import Decoder as Decoder
from zoo.decoders.deconv import GatedDeconvDecoder as GatedDeconvDecoder
from zoo.decoders.deconv import SmallDeconvDecoder as SmallDeconvDecoder
from zoo.decoders.likelihood import Bernoulli as Bernoulli
from zoo.decoders.likelihood import Gaussian as Gaussian
from zoo.decoders.likelihood import Likelihood as Likelihood
from zoo.decoders.logistic_mixture import LogisticMixture as LogisticMixture
from zoo.decoders.mlp import MLPDecoder as MLPDecoder
from zoo.decoders.optimal_gaussian import OptimalGaussian as OptimalGaussian
from zoo.decoders.pixelcnn import PixelCNNDecoder as PixelCNNDecoder
from zoo.decoders.residual import ResidualDecoder as ResidualDecoder
from zoo.decoders.scaled import ScaledDecoder as ScaledDecoder
from zoo.divergences.adversarial import Adversarial as Adversarial
from zoo.divergences.adversarial import WassersteinGP as WassersteinGP
from zoo.divergences.divergence import Divergence as Divergence
from zoo.divergences.divergence import NoDivergence as NoDivergence
from zoo.divergences.mmd import MMD as MMD
from zoo.divergences.stein import Stein as Stein
from zoo.encoders.around import ClippedEncoder as ClippedEncoder
from zoo.encoders.around import ScaledEncoder as ScaledEncoder
from zoo.encoders.conv import GatedConvEncoder as GatedConvEncoder
from zoo.encoders.conv import SmallConvEncoder as SmallConvEncoder
from zoo.encoders.dcgan import DCGANEncoder as DCGANEncoder
from zoo.encoders.encoder import Encoder as Encoder
from zoo.encoders.iaf import IAFEncoder as IAFEncoder
from zoo.encoders.mlp import MLPEncoder as MLPEncoder
from zoo.encoders.pixel_noise import PixelNoiseEncoder as PixelNoiseEncoder
from zoo.encoders.residual import ResidualEncoder as ResidualEncoder
from zoo.layers.made import MADE as MADE
from zoo.light.autoencoder import load_autoencoder as load_autoencoder
from zoo.light.extractor import FeatureExtractor as FeatureExtractor
from zoo.light.outliers import OutlierDetector as OutlierDetector
from zoo.light.probability import load_probability as load_probability
from zoo.light.runtime import load_decoder as load_decoder
from zoo.light.runtime import load_encoder as load_encoder
from zoo.marginals.floating import Floating as Floating
from zoo.marginals.logistic import Logistic as Logistic
from zoo.marginals.maf import MAFMarginal as MAFMarginal
from zoo.marginals.marginal import Marginal as Marginal
from zoo.marginals.normal import Normal as Normal
from zoo.marginals.vamp import VampPrior as VampPrior
from zoo.objectives.beta import Beta as Beta
from zoo.objectives.bilbo import Bilbo as Bilbo
from zoo.objectives.classified import Classified as Classified
from zoo.objectives.dip import DIPVAE as DIPVAE
from zoo.objectives.infomax import Infomax as Infomax
from zoo.objectives.infovae import InfoVAE as InfoVAE
from zoo.objectives.mu import Mu as Mu
from zoo.objectives.objective import Objective as Objective
from zoo.objectives.target_rate import TargetRate as TargetRate
from zoo.optimizers import Adam as Adam
from zoo.optimizers import ConstantThenLinear as ConstantThenLinear
from zoo.optimizers import NormalizedAdam as NormalizedAdam
from zoo.part import part_config as part_config
from zoo.publishing import publish as publish
from zoo.releases.catalogue import list_models as list_models
from zoo.releases.loading import load as load
from zoo.vae import VAE as VAE
from zoo.vae import build as build
from zoo.vae import vae_config as vae_config

__version__: str

def load_parts(needed_by: str = "load_parts") -> None: ...

__all__ = [
    "DIPVAE",
    "MADE",
    "MMD",
    "VAE",
    "Adam",
    "Adversarial",
    "AutoregressiveDecoder",
    "Baggins",
    "Bernoulli",
    "Beta",
    "Bilbo",
    "Classified",
    "ClippedEncoder",
    "ConstantThenLinear",
    "DCGANDecoder",
    "DCGANEncoder",
    "Decoder",
    "Divergence",
    "Encoder",
    "FeatureExtractor",
    "Floating",
    "GatedConvEncoder",
    "GatedDeconvDecoder",
    "Gaussian",
    "IAFEncoder",
    "InfoVAE",
    "Infomax",
    "Likelihood",
    "Logistic",
    "LogisticMixture",
    "MAFMarginal",
    "MLPDecoder",
    "MLPEncoder",
    "Marginal",
    "Mu",
    "NoDivergence",
    "Normal",
    "NormalizedAdam",
    "Objective",
    "OptimalGaussian",
    "OutlierDetector",
    "PixelCNNDecoder",
    "PixelNoiseEncoder",
    "ResidualDecoder",
    "ResidualEncoder",
    "ScaledDecoder",
    "ScaledEncoder",
    "SmallConvEncoder",
    "SmallDeconvDecoder",
    "Stein",
    "TargetRate",
    "VampPrior",
    "WassersteinGP",
    "build",
    "list_models",
    "load",
    "load_autoencoder",
    "load_decoder",
    "load_encoder",
    "load_probability",
    "part_config",
    "publish",
    "registry",
    "vae_config",
]
