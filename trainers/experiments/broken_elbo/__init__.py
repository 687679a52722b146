"""The experiments of Fixing a Broken ELBO."""
