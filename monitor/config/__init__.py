"""Configuration: TOML files to models, with every error's file, key and what was expected.

    monitor.toml ─► Settings ─┐
    limits/      ─► Profile   ├─► checks between files ─► Config = Rules (journalled) + where things are
    containers/  ─► Container │
    consignments/► Consignment┘

`load_config` reads all files and reports all problems at once, `load_access` only where the daemon and its files are;
`warnings_of` says what loads but is hardly meant.
"""

from monitor.config.access import Access, load_access
from monitor.config.alerting import AlertSettings, NotifierSettings
from monitor.config.config import Config
from monitor.config.inputs import SourceSettings
from monitor.config.load import load_config, load_profile
from monitor.config.problems import ConfigProblems, Problem
from monitor.config.rules import Rules, canonical_json
from monitor.config.secret import read_secret
from monitor.config.settings import IngestSettings, JournalSettings, MqttSettings, Settings, StoreSettings, WebSettings
from monitor.config.warnings import warnings_of

__all__ = [
    "Access",
    "AlertSettings",
    "Config",
    "ConfigProblems",
    "IngestSettings",
    "JournalSettings",
    "MqttSettings",
    "NotifierSettings",
    "Problem",
    "Rules",
    "Settings",
    "SourceSettings",
    "StoreSettings",
    "WebSettings",
    "canonical_json",
    "load_access",
    "load_config",
    "load_profile",
    "read_secret",
    "warnings_of",
]
