"""The figures and the table of `mu_vae`, Bridging the ELBO and MMD."""

from trainers.experiments.item import later

_CURVES = (
    "mu-VAE has the lower reconstruction loss, the higher KL divergence and the higher accuracy; "
    "beta-VAE is worst in all."
)
_HISTOGRAMS = (
    "beta-VAE's codes follow N(0, 1) closely, VAE's nearly; mu-VAE's have zero mean and a spread "
    "that the clipping controls."
)
_SAMPLES = (
    "mu-VAE's codes are spread out and are sampled with sigma 3; some of its samples have dark "
    "spots, where it tries to make texture."
)
_TRAVERSALS = (
    "Few of beta-VAE's latents change the image; mu-VAE's show different classes, at the two ends "
    "of one latent as well."
)
# Name -> the function and what the paper concludes from it.
ITEMS = {
    "fig1": (
        later("mu_vae.toy", "run"),
        "Clipping might make the latent space smoother, with the ELBO as well; mu-VAE's objective "
        "works well.",
    ),
    "fig2": (later("mu_vae.curves", "run", "fashion"), _CURVES),
    "fig3": (
        later("mu_vae.codes", "run_tsne"),
        "mu-VAE's codes lie in clusters of a class; a larger bound on their length pulls the "
        "clusters apart. beta-VAE's lie close together.",
    ),
    "fig4": (later("mu_vae.codes", "run_histograms", "fashion"), _HISTOGRAMS),
    "fig5": (
        later("mu_vae.images", "run_reconstructions", "fashion"),
        "beta-VAE's reconstructions are blurred or wrong, VAE's better, mu-VAE's best.",
    ),
    "fig6": (later("mu_vae.images", "run_samples", "fashion"), _SAMPLES),
    "fig7": (later("mu_vae.images", "run_traversals", "fashion"), _TRAVERSALS),
    "fig8": (later("mu_vae.curves", "run", "mnist"), _CURVES),
    "fig9": (later("mu_vae.images", "run_traversals", "mnist"), _TRAVERSALS),
    "fig10": (later("mu_vae.images", "run_samples", "mnist"), _SAMPLES),
    "fig11": (later("mu_vae.codes", "run_histograms", "mnist"), _HISTOGRAMS),
    "table1": (
        later("mu_vae.table", "run"),
        "The classifier is most accurate on mu-VAE's codes, with the larger bound on their length "
        "more so; on beta-VAE's it is worst.",
    ),
    "readings": (
        later("mu_vae.table", "run_readings"),
        "Not in the paper, whose text has several: which reading of mu-VAE's objective is meant.",
    ),
}
