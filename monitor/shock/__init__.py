"""What a shock event says: one algorithm a file, free functions on arrays in g.

`static`    offset and gravity, from the quietest stretch before the trigger
`filter`    zero-phase low-pass
`duration`  stretches beyond a level and how long they last
`peak`      an event's peaks on container axes, raw and with the static part removed
"""
