"""The figures and the table of `infovae`, InfoVAE: Balancing Learning and Inference."""

from trainers.experiments.item import later

# Name -> the function and what the paper concludes from it.
ITEMS = {
    "fig1": (
        later("infovae.simple", "run_toy"),
        "The ELBO pushes the posteriors of the two points away from 0, and far from the true "
        "ones; InfoVAE does not.",
    ),
    "fig2": (
        later("infovae.simple", "run_sizes"),
        "The ELBO over-estimates the variance of q(z), most with few training images; InfoVAE "
        "does not.",
    ),
    "fig3": (
        later("infovae.simple", "run_contours"),
        "After 500 examples InfoVAE's q(z) is almost the prior; the ELBO's is far off.",
    ),
    "fig4": (
        later("infovae.simple", "run_posteriors"),
        "The ELBO's approximate posteriors are further from the true ones than InfoVAE's.",
    ),
    "fig5": (
        later("infovae.simple", "run_samples"),
        "The ELBO reconstructs 500 training images sharply and samples badly; InfoVAE's samples "
        "are like its reconstructions.",
    ),
    "fig6a": (
        later(
            "infovae.latents",
            "run_latents",
            measure="mmd",
            ylabel="MMD$^2$(q(z), p(z)), test images",
            title="(A) Distance of q(z) from the prior",
            metric="mmd",
            log_y=True,
        ),
        "MMD regularisation is best but for the ELBO, whose codes hold nothing of the images.",
    ),
    "fig6b": (
        later(
            "infovae.latents",
            "run_latents",
            measure="log_det_per_dimension",
            ylabel="log det Cov[q(z)] / dim, nats",
            title="(B) Variance of q(z)",
            metric="log_det_cov per dimension",
            reference=(0.0, "prior N(0, I)"),
        ),
        "MMD regularisation is best but for the ELBO, whose codes hold nothing of the images.",
    ),
    "fig6c": (
        later(
            "infovae.latents",
            "run_latents",
            measure="class_cross_entropy",
            ylabel="$-c^T(\\log \\hat c - \\log c)$, nats",
            title="(C) Classes of generated images",
            metric="class_cross_entropy",
        ),
        "Stein does well with 2 latents, adversarial training with more, MMD in all cases.",
    ),
    "fig6d": (
        later("infovae.latents", "run_stability"),
        "Adversarial training takes longer to converge, and sometimes converges to poor results.",
    ),
    "fig6e": (
        later(
            "infovae.latents",
            "run_latents",
            measure="svm_error",
            ylabel="test error of an SVM, share",
            title="(E) SVM on 1000 labelled codes",
            metric="svm_1000 error",
            reference=(0.9, "random guess"),
        ),
        "The unregularised autoencoder is best with few latents, MMD catches up with more; the "
        "ELBO's codes are no better than random guess.",
    ),
    "table1": (
        later("infovae.table", "run"),
        "All objectives are on par with the ELBO or better; MMD-VAE is best.",
    ),
}
