"""The operators' Grafana pages as code: `python -m dashboards` writes their JSON, Grafana is provisioned with it.

    fleet -> container -> shock        which container needs me now? what is it going through? what was that blow?
                       -> exposure     what did the journey cost?
    monitor                            is the monitor itself well?

One page answers one question. A page is a function without arguments that returns a dashboard of Grafana's SDK, made
of the parts in `parts` and the queries in `query`; limits come from the profile in config/limits by `limits`.
"""
