"""The monitor for flight hardware in transport containers.

    loggers ──MQTT──► ingest ──► journal ─────────► watch  ──► detect, shock ──► alerts
                        ▲          │  raw bytes,      │ results
                        └──ack─────┘  one order       ▼
                     after commit     for all       store  ──► InfluxDB (or the embedded store) ──► Grafana / console
                                                    board  ──► log line, retained MQTT message
                                                    notify ──► webhook, mail, Alertmanager, another broker

1. `ingest`     paho's callbacks only enqueue; one writer takes what waits, live before fill. Messages of other
                formats become records here, in `wire`.
2. `journal`    commits the bytes as received, with boots, gaps and a hash chain; only then PUBACK and `down/ack`, which
                asks for what is missing. Payloads past the budget go once every consumer has confirmed them.
3. `consumers`  read the journal behind a cursor, each in its own thread with its own file:
   `watch`      decodes a batch, runs the detector over all its loggers at once, keeps alerts, their transitions and
                results (derived channels, running totals, figures and spectra of events); judges again, in order,
                what records that came late concern;
   `detect`     holds readings and events against the rules; `shock` makes a waveform into what they ask for: its static
                part, pulse, velocity change, drop height, spectrum, and whether it is to be trusted;
   `store`      turns records, results and transitions into points and writes them; its cursor passes what the server
                confirmed; `said` gives it how containers, loggers and the daemon stand, for the dashboards; `long`
                keeps a copy by the minute beside it;
   `board`      tells the world of each transition; each notifier (`notify` has their ways) tells its people of those
                that concern them, in groups, until somebody acknowledges.
   What is wrong with the gateway itself stands in the journal's ticks, and becomes an alarm like any other.
4. Records, what operators entered, the configuration in force and the passing of time all lie in the journal, in one
   order: replay equals live.
5. `examine`    looks at events again, out of a journal or a recording: lists, reports, margins, spectra; `backtest`
                judges a whole journal again, by other limits if asked for (`replaying` brings it together).

Every part is a plain object whose `step()` does a bounded piece of work. `parts` builds and joins them; `app` gives
each a thread (those with much to do take turns) and `supervise` looks whether it moves; a simulation steps them all in
one. `service` answers what `web` is asked by people and programs, and takes up a changed configuration. `warming` has
the kernel of the spectra compiled by another process and loads it at the next start.
Imports point one way:
cli > app > supervise, service > web, warming, replaying > examine, backtest > consumers > sinks, ingest, notify >
alerts, journal > detect > shock, wire > config > model.
"""

__version__ = "0.1.0"
API = "1"  # of the HTTP interface: another one where a client of this one would misread answers or be misread
