"""Tests; a package, as an installed one (of ebmlite) has the same name and would be found first."""
