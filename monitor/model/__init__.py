"""The nouns of the system: no I/O, no clock of its own, nothing that imports from another layer."""
