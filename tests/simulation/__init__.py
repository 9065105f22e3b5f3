"""Deterministic simulation: the real parts of a gateway on a simulated disk, broker, store, clock and loggers."""
