"""Judging readings and events against limits: kernels on arrays and the engine that carries their state.

    batch ──► across ──► gather ──► columns ──► family ───────────────► machine ──► findings
              (blocks    (streams,  (a channel   screen, kernel:         limit, clear,
              of several  derived    of a        a series of values      dwell, guard,
              loggers)    channels)  profile)    of each stream          phase, gap

1. `across`    adds blocks computed of several loggers of a container, on a grid of data time.
2. `gather`    lays the blocks' columns end to end, one `Column` for each channel of each profile, those that `derive`
               computes (dew point, margin, p / T) among them; `streams` numbers (container, logger, lane, channel).
3. `families`  each takes some kinds of rules. It looks first which streams come near no limit, and runs its kernel
               (`kernels`: free functions on arrays) on the rest; `memory` keeps what the kernel needs of each stream as
               columns, one array for each variable, once for all rules that differ in their limits only.
4. `machine`   judges every series the same way, whatever kernel made it.
5. `events`    judges shock events and sums them up, `clocks` the times of records, `arrivals` who is silent, empty or
               out of date.
6. `engine`    gives the batch to each of them and puts the findings in order; `snapshot` is the state as bytes.

Nothing here does I/O or knows a clock. However a stream is cut into batches, the findings are the same; only how often
a growing `peak` is reported differs, never the last one.
"""
