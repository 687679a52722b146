"""The experiments of Bridging the ELBO and MMD (mu-VAE)."""
