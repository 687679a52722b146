"""The figures of `bilbo`, There and Back Again: Unraveling the Variational Auto-Encoder."""

from trainers.experiments.item import later

# Name -> the function and what the paper concludes from it.
ITEMS = {
    "fig2": (
        later("bilbo.posterior", "run_fig2"),
        "Runs differ in their clusters, not in kind: their bounds are comparable.",
    ),
    "fig3": (
        later("bilbo.posterior", "run_fig3"),
        "Learned variances grow towards the fringes of their own unit and follow no other: they "
        "inflate the posterior and reveal nothing of the data.",
    ),
    "fig4": (
        later("bilbo.posterior", "run_fig4"),
        "Constant Sigma and BILBO reach a better bound than learned Sigma, and sooner; samples "
        "cannot be told apart.",
    ),
    "fig5": (later("bilbo.posterior", "run_fig5"), "The three methods arrange latents alike."),
    "fig6": (
        later("bilbo.likelihood", "run_fig6"),
        "Learned T fails, constant T depends on the data's scale, BAGGINS does not; tau moves "
        "samples from blurry to broken.",
    ),
    "fig7": (later("bilbo.celeba", "run_fig7"), "On CelebA ELBO and BILBO are alike."),
    "fig8": (
        later("bilbo.posterior", "run_fig8"),
        "Best is the sigma that matches the hard-coded scale; learned Sigma is most like sigma 1: "
        "the difference is one of initial weights.",
    ),
    "fig9": (
        later("bilbo.posterior", "run_latents", "fig9"),
        "The distribution of latents does not depend on Sigma.",
    ),
    "fig10": (
        later("bilbo.posterior", "run_latents", "fig10"),
        "Latents pinch towards the origin as lambda increases.",
    ),
    "fig11": (
        later("bilbo.posterior", "run_latents", "fig11"),
        "Gaps between clusters tighten as tau increases.",
    ),
    "fig12": (
        later("bilbo.posterior", "run_manifold", "fig12", "Bernoulli, learned Sigma"),
        "The plane of a standard VAE.",
    ),
    "fig13": (
        later("bilbo.posterior", "run_manifold", "fig13", "Bernoulli, BILBO with Sigma = I"),
        "BILBO's plane is much the same.",
    ),
    "fig14": (
        later("bilbo.posterior", "run_manifold", "fig14", "Gaussian with T = I, BILBO"),
        "With T = I digits blur and run into one another.",
    ),
    "fig15": (
        later("bilbo.posterior", "run_manifold", "fig15", "Gaussian with BAGGINS, tau = 1"),
        "BAGGINS gives the plane of sharper digits.",
    ),
    "fig16": (later("bilbo.celeba", "run_fig16"), "Reconstructions by ELBO and BILBO are alike."),
    "fig17": (
        later("bilbo.celeba", "run_fig17"),
        "Samples of the standard normal vary less than those of the optimal prior; Sigma = I "
        "exaggerates them, I/100 does not.",
    ),
}
