"""The experiments of The Variational InfoMax AutoEncoder."""
