"""The loggers, simulated: a program of its own, with its own encoder, that speaks to the monitor over MQTT only.

    scenario ──► recorder ──► plans ──► runner ──────────────────► hub, publish ──► MQTT broker
    (TOML)        │  ▲                  unit: device, link, line   one session        │
                  │  physics,             │     ▲                  for one logger     │
                  │  sampling             │     │                  or several         │
                  └──────► truth ◄────────┘     └──────── down/ack, down/cmd ◄────────┘

    recording (CSV) ──► runner

`device` has no input or output and no threads: it is told the true time and what arrived, and answers with what to
send. `link` says when there is a way to the broker and what it does to messages, `line` is the connection as a logger
uses it. `runner` is the one loop that joins the parts; `clock` lets it run faster than the wall clock.
"""
