"""Back-tests: what limits would have raised over a journal, and what was left of each.

journal ─► shares of containers ─► judge, in a process for each share ─┬─► alerts, in the journal's order ─► outcome
                                   (the live daemon's code)            └─► nearest approaches ─► margins
"""
