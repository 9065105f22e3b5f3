"""Queries of the page *Shock event* that bring the profile's levels along, as InfluxQL has no rows of constants."""

from __future__ import annotations

import re

from dashboards.page import OF_CONTAINER, OF_LOGGER
from dashboards.query import Query, table
from dashboards.shock_limits import damage_boundary, envelope, envelope_levels

# Around the page's time range, so that a page of seconds shows what came before and after.
NEARBY = "time >= ${__from}ms - 12h AND time <= ${__to}ms + 12h"
HZ, RESPONSE, ENVELOPE = "freq_hz", "response_g", "envelope_g"  # columns of the spectrum
VELOCITY, BOUNDARY = "delta_v_m_s", "boundary_g"  # and of peak against velocity change
BOUNDARY_REACH = 4.0  # so far out, in critical values, are the two ends of the boundary: beyond is off the picture


def spectrum_queries() -> list[Query]:
    """The spectrum, and the profile's envelope where it has one: a query for each level, at its frequencies."""
    where = f'FROM "srs" WHERE $timeFilter AND {OF_LOGGER}'
    found = [table(f'SELECT max("accel_g") AS "{RESPONSE}" {where} GROUP BY "{HZ}"')]
    for level_g, of_level in envelope_levels(envelope() or ()):
        named = "|".join(re.escape(f"{hz:.4g}") for hz in of_level)
        at = f'{where} AND "{HZ}" =~ /^({named})$/ GROUP BY "{HZ}"'
        found.append(table(f'SELECT max("accel_g") * 0 + {level_g!r} AS "{ENVELOPE}" {at}'))
    return found


def boundary_queries() -> list[Query]:
    """The corners of the damage boundary, a row each; none where the profile has no boundary.

    The first event of the time carries them.
    """
    boundary = damage_boundary()
    if boundary is None:
        return []
    velocity, peak = boundary.velocity_change_m_s, boundary.acceleration_g
    corners = ((velocity, peak * BOUNDARY_REACH), (velocity, peak), (velocity * BOUNDARY_REACH, peak))
    constant = 'first("resultant_g") * 0 + '
    return [
        table(
            f'SELECT {constant}{x!r} AS "{VELOCITY}", {constant}{y!r} AS "{BOUNDARY}" FROM "shock" '
            f"WHERE {NEARBY} AND {OF_CONTAINER}"
        )
        for x, y in corners
    ]
