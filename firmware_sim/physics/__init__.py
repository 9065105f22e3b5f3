"""What the sensors feel: the climate around a container, the gas inside, and what sensors make of them."""

from firmware_sim.physics.climate import Failure, LocalSource, Stretch, Weather
from firmware_sim.physics.gas import Hull
from firmware_sim.physics.sensor import Sensor, SensorFault, SensorState, measure, sensor_of, spoil
from firmware_sim.physics.world import QUANTITIES, World

__all__ = [
    "QUANTITIES",
    "Failure",
    "Hull",
    "LocalSource",
    "Sensor",
    "SensorFault",
    "SensorState",
    "Stretch",
    "Weather",
    "World",
    "measure",
    "sensor_of",
    "spoil",
]
