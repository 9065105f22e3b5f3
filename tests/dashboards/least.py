"""How many rows each panel and annotation of each page has at least, as the journey is: page -> owner -> rows.

0 stands where the journey has nothing to show, and says why.
"""

ANNOTATIONS = {
    "annotation alarms": 20,
    "annotation warnings": 20,
    "annotation info": 0,
}  # no rule of the profile is info
READINGS = 2 * 300  # a panel of a channel: of four loggers the means, and two lines of extremes
MINUTES_10 = 250  # of two days, each of which has a point of a container

LEAST = {
    "container": {
        "Worst open alert": 1,
        "Armed": 1,
        "Where it is": 1,
        "Journey": 2 * MINUTES_10,  # phase and custodian; between loading and arrival there is not always a leg
        "Hardware temperature": READINGS,
        "Margin to dew": READINGS,
        "Air temperature": READINGS,
        "Humidity": READINGS,
        "Over-pressure": READINGS,
        "Pressure inside": READINGS,
        "Pressure outside": READINGS,
        "Shocks": 10,
        "Alerts": 40,  # changes of state
        "Loggers": 4,
        "annotation operators": 4,  # armed, two phases, a seal
        "annotation journey": 4,  # loading, road, flight, the store
    }
    | ANNOTATIONS,
    "exposure": {
        "temperature-time-above": 4,
        "temperature-time-above so far": READINGS,
        "Mean kinetic temperature": 4,
        "Largest temperature swing": 4,
        "Recorded shocks": 4,
        "Time unknown": 4,
        "Legs": MINUTES_10,
        "Each leg": 3 * MINUTES_10,
        "All totals": 4,
        "annotation operators": 4,
        "annotation journey": 4,
    }
    | ANNOTATIONS,
    "fleet": {
        "Worst now": 1,
        "Open alerts": 1,
        "Silent loggers": 1,
        "Loggers online": 1,
        "Store behind": 1,
        "Monitor's last word": 1,
        "Worst severity": 3 * MINUTES_10,
        "Containers": 3,
        "What is open": 3,
        "Legs": 3 * MINUTES_10,
        "Loggers": 12,
        "Records received": MINUTES_10 - 1,  # a rate
    },
    "monitor": {
        "Monitor's last word": 1,
        "Loggers online": 1,
        "Open alerts": 1,
        "Missing records": 1,
        "Store behind": 1,
        "Journal's budget": 1,
        "Records received": 1,
        "Duplicates and quarantine": 2,
        "Backlog of the consumers": 3,
        "Lag of the consumers": 2,
        "Missing records over time": 1,
        "Loggers": 2,
        "Journal's budget used": 1,
        "Free disk": 1,
        "Memory": 1,
        "Notifiers": 2,
        "Waiting notifications": 2,
        # the monitor itself was well
        "annotation alarms": 0,
        "annotation warnings": 0,
        "annotation info": 0,
    },
    "shock": {
        "Figures": 1,
        "Damage margin": 1,
        "Record": 1,
        "Waveform": 500,
        "Shock response spectrum": 20,
        "Peak and velocity change": 10,
        "Neighbours in time": 10,
        # an event's alert stands at its trigger, within the two seconds around it, where one was due
        "annotation alarms": 0,
        "annotation warnings": 0,
        "annotation info": 0,
    },
}
