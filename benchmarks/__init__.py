"""The project's figures: each is measured here, with real servers that the benchmark starts and ends itself.

    python -m benchmarks.ingest     points a second from the broker's backlog into InfluxDB, beside what that server
                                    takes by itself; processor time and memory of the daemon
    python -m benchmarks.latency    ms from publishing a reading beyond a limit to receiving its alert on MQTT and by
                                    webhook, beside a plain message through the same broker; the same at half of the
                                    load that the daemon sustains, while 300 loggers back-fill, amid 10 000 alerts of
                                    others, among shocks, while InfluxDB is away and while a backlog is caught up with
    python -m benchmarks.outage     InfluxDB away for days: memory, latency, and how fast the backlog goes afterwards
    python -m benchmarks.detect     samples a second that the detector judges, quiet and in a storm, beside a plain loop
                                    over readings that gives the same alerts; state of 10 000 loggers, cost of snapshots
    python -m benchmarks.replay     seconds of a back-test over 30 days of 12 loggers, margins of all limits included
    python -m benchmarks.quality    how well it detects: simulated journeys scored against what really happened
    python -m benchmarks.wire       us to decode a block and an event, beside the standard library's JSON
    python -m benchmarks.simulator  readings a second that the simulated loggers make and encode; memory of 10 000

All run from the repository with the development install; the first three need `mosquitto` and `influxd` 1.x.
`--json` prints one object for programs.

How to read them: broker, InfluxDB, daemon and the benchmark share one machine, so absolute figures say as much about
it as about the daemon. Compare the ratios, which come from the same run: `ratio_to_server` (1 means that the daemon is
as fast as the server it writes to) and `idle_p50_ms` beside `broker_p50_ms` (the difference is the daemon's part).
Give the machine nothing else to do, and distrust a run whose rounds differ by more than a tenth.
"""
