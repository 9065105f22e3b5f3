"""What a shock event says: one algorithm a file, free functions on arrays in g.

    Shock, recording ─► waveform ─► static ─► samples without offset and gravity, on container axes
                                                 │
             ┌──────────────────┬────────────────┴───────┬───────────────────────┐
             ▼                  ▼ (or behind `filter`)   ▼                       ▼
           fall ────────────► pulse                    peak             spectrum/, psd ─► vibration
             │    it ends       │                        │                       │
             │    a pulse       ├──► validity            │                       │
             │                  │       │ is it sound?   │                       │
             └──────┬───────────┴───────┘                │                       │
                    ▼                                    ▼                       ▼
          character ─► drop                          boundary                envelope
               what was it?                               how far from the limits?

`analysis` asks each of them once, when it is first asked; `report` tells all of it as plain numbers.

`waveform`   an event's samples, and what is known of its sensor
`trigger`    the events of a recording that was made without one
`static`     offset and gravity, from the quietest stretch before the trigger, and how sure they are
`filter`     zero-phase low-pass
`duration`   stretches beyond a level and how long they last
`peak`       extremes of axes and vector, raw and with the static part removed
`pulse`      the main pulse: limits, velocity change, rise, direction; the dominant frequency
`validity`   what is wrong with the record, by name and with figures (`fault`); it finds clipping and offsets,
             `still` drop-outs, `spike` spikes, `coverage` records that begin or end too early or too late
`fall`       free fall before an impact
`character`  impact, rattle, vibration, free fall
`drop`       height, by the fall and by the impact
`spectrum`   shock response spectra
`psd`        power spectral density
`vibration`  Grms, Miles' equation, vibration response spectrum, fatigue-equivalent time
`boundary`   margin to a damage boundary, of the peak and the pulse's velocity change
`envelope`   margin of a spectrum to its limits
"""
