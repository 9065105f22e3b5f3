"""Units that other senders use, turned into the one of the channel."""

from __future__ import annotations

from math import pi

from monitor.model.channel import quantity_of

G_M_S2 = 9.80665  # standard gravity (CGPM 1901, ISO 80000-3)
PRESSURE = {
    "Pa": (1.0, 0.0),
    "hPa": (100.0, 0.0),  # RFC 8798
    "mbar": (100.0, 0.0),
    "kPa": (1e3, 0.0),
    "bar": (1e5, 0.0),
}
CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    # quantity: {name in RFC 8428, RFC 8798 or SI: (factor, offset) to the channel's unit, which stands first}
    "temperature": {"Cel": (1.0, 0.0), "degC": (1.0, 0.0), "K": (1.0, -273.15)},
    "humidity": {"%RH": (1.0, 0.0), "%": (1.0, 0.0), "/100": (1.0, 0.0), "/": (100.0, 0.0)},
    "pressure": PRESSURE,
    "differential": PRESSURE,
    "acceleration": {"g": (1.0, 0.0), "m/s2": (1 / G_M_S2, 0.0)},  # SenML's "g" is the gram, which is no acceleration
    "tilt": {"deg": (1.0, 0.0), "rad": (180 / pi, 0.0)},
    "light": {"lx": (1.0, 0.0)},
    "voltage": {"V": (1.0, 0.0), "mV": (1e-3, 0.0)},
}


def conversion(channel: str, unit: str | None) -> tuple[float, float]:
    """Factor and offset that turn a value in `unit` into the channel's unit; None is the channel's unit itself.

    ValueError says which units the channel's quantity has.
    """
    if unit is None:
        return 1.0, 0.0
    quantity = quantity_of(channel)
    units = CONVERSIONS[quantity]
    if unit not in units:
        raise ValueError(f"expected a unit of {quantity} ({', '.join(units)}), got {unit[:40]!r}")
    return units[unit]
