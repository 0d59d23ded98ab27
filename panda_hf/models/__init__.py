"""Models in the shape of transformers, and where their checkpoints come from."""
