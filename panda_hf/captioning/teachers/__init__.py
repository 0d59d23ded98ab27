"""The teachers, one file per family. A file here may name teachers in ``CARDS`` and build them with ``load``."""
