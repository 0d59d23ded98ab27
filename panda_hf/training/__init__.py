"""Training set-ups on the Trainer of transformers."""
