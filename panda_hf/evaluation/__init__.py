"""Evaluate captioners and retrieval models: predictions against references, results in the Hub's own form."""
