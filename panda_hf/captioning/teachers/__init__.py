"""The teachers, one file per family: its `load` builds a teacher from a card of the registry."""
