"""`python -m firmware_sim`: the same as `tcm-sim`."""

from firmware_sim.cli import main

main()
