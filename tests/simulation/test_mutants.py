"""The mutations fit the code as it is: each is run by `make mutants`, which takes an hour and so is run rarely."""

from __future__ import annotations

import ast

import pytest

from tests.simulation.mutants import MUTATIONS, Mutation, broken


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_one_place_and_is_code(mutation: Mutation) -> None:
    ast.parse(broken(mutation))
