"""The loggers, simulated: a program of its own, with its own encoder, that speaks to the monitor over MQTT only.

    scenario ──► physics ──► device ────► codec ──► publish ──► MQTT broker
    (TOML)       climate,    boot, seq,   CBOR      one session    │
                 shocks      memory       bytes     per logger     │
                               ▲                                   │
                 recording ──► │ ◄──────── down/ack ◄──────────────┘
                 (CSV)         freed only when the monitor says settled

`device` has no input or output and no threads: it is told the time and what arrived, and answers with what to send.
`runner` is the one loop that joins the parts; `clock` lets it run faster than the wall clock.
"""
