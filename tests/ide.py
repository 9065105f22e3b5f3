"""`.IDE` files to read, written by the maker's own schema: as far as that goes, a file as a logger writes it."""

from pathlib import Path

import numpy as np
from ebmlite import loadSchema
from numpy.typing import NDArray

FULL_G = 100.0
BEGAN_S = 1_700_000_000


def write_ide(
    path: Path,
    accel_g: NDArray[np.float64],
    fs_hz: float,
    axes: str = "ZYX",
    units: str = "g",
    pause_at: int | None = None,
) -> None:
    """One accelerometer of 100 g in blocks of 1 000 samples; from sample `pause_at` on all is a second later.

    Real loggers name their axes in whatever order, here z first.
    """
    schema = loadSchema("mide_ide.xml")
    scale_g = FULL_G / 32_768
    by_axis = {axis: np.round(row / scale_g + 32_768) for axis, row in zip("XYZ", accel_g, strict=True)}
    counts = np.array([by_axis[axis] for axis in axes]).T.astype(">u2")
    axis_elements = [
        {
            "SubChannelID": number,
            "SubChannelName": f"{axis} ({FULL_G:g}g)",
            "SubChannelLabel": "Acceleration",
            "SubChannelUnits": units,
            "SubChannelCalibrationIDRef": 1,
        }
        for number, axis in enumerate(axes)
    ]
    channel = {
        "ChannelID": 8,
        "ChannelName": "Acceleration",
        "ChannelFormat": ">" + "H" * len(axes),
        "TimeCodeScale": "1/1000000",
        "SubChannel": axis_elements,
    }
    polynomial = {"CalID": 1, "CalReferenceValue": 0.0, "PolynomialCoef": [scale_g, -FULL_G]}
    elements = [
        ("EBML", {"DocType": "mide", "DocTypeVersion": 3, "DocTypeReadVersion": 3}),
        (
            "RecordingProperties",
            {
                "RecorderInfo": {"RecorderTypeUID": 0x12, "RecorderSerial": 1},
                "SensorList": {"Sensor": [{"SensorID": 0, "SensorName": "832M1"}]},
                "ChannelList": {"Channel": [channel]},
            },
        ),
        ("CalibrationList", {"UnivariatePolynomial": [polynomial]}),
        ("TimeBaseUTC", BEGAN_S),
    ]
    for first in range(0, len(counts), 1000):
        block = counts[first : first + 1000]
        start_s = first / fs_hz + (0.0 if pause_at is None or first < pause_at else 1.0)
        times_us = {"StartTimeCodeAbs": start_s, "EndTimeCodeAbs": start_s + (len(block) - 1) / fs_hz}
        content = {name: round(time_s * 1e6) for name, time_s in times_us.items()}
        elements.append(("ChannelDataBlock", {"ChannelIDRef": 8, **content, "ChannelDataPayload": block.tobytes()}))
    path.write_bytes(b"".join(schema[name].encode(content) for name, content in elements))
