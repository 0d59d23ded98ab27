"""The miniature: a procedural film world and small checkpoints trained in it, the embedded default."""
