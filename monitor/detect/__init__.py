"""Judging readings and events against limits: kernels on arrays and the engine that carries their state.

    batch ──► streams, gather ──► columns ──► screen ──► kernel ──► findings
              (who, which rules)  (a channel    (min, max)  (exact machine, state in, state out)
                                   of a profile)

1. `streams`  numbers each (container, logger, lane, channel) and names the rules of its profile that judge it.
2. `gather`   lays the blocks' columns end to end, one `Column` for each channel of each profile.
3. A family (`thresholds`, `shock`, one for each kind of rule) compiles its rules for a column, screens it, runs its
   kernel (`threshold`: free functions on arrays) on the streams that came near a limit and keeps their state as
   columns, one array for each state variable.
4. `engine`   gives the batch to each family and puts the findings in order; `snapshot` is the state as bytes.

Nothing here does I/O or knows a clock. However a stream is cut into batches, the findings are the same; only how often
a growing `peak` is reported differs, never the last one.
"""
