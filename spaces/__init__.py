"""Gradio Spaces: each folder runs alone on the Hub, and from the command line of the package."""
