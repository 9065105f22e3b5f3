"""The loggers, simulated: a program of its own, with its own encoder, that speaks to the monitor over MQTT only.

    scenario ──► recorder ──► plans ──► runner ──► unit ◄────────► publish ──────► MQTT broker
    (TOML)       │  ▲                              device,         way, line,         │
                 │  physics                        one a logger    hub, session       │
                 └─► truth ◄──────── fates ────────┘    ▲                             │
                                                        └─── down/ack, down/cmd ◄─────┘
    recording (CSV) ──► runner

1. `recorder`   makes of a scenario all that is going to happen to each logger, in true time: readings, shocks, faults.
2. `runner`     the one loop: time passes (`clock` may let it run fast), and each `unit` lives through its plan.
3. `device`     the firmware as a state machine: flash ring, oscillator, trigger. No input or output, no threads: it is
                told the true time and what arrived, and answers with what to send.
4. `publish`    `way` says when there is a way to the broker and what it does to messages; `line` is the connection as a
                logger uses it, `session` a connection with its thread, `hub` the loggers on one.
5. `truth`      what really happened, for whoever scores a monitor.

Imports point one way: cli > runner > unit > recorder, publish > plan, scenario > device > physics > codec, clock.
"""
