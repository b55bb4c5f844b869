# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of scenarios, scenarios.json beside this package."""

import json
import os

from .errors import LabError

TABLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                     "scenarios.json")
DEFAULTS = {"trigger": "module", "command_line": [], "sysctls": [],
            "patience": 20}


def load():
    with open(TABLE, encoding="utf-8") as file:
        rows = json.load(file)["scenarios"]
    return [{**DEFAULTS, **row} for row in rows]


def find(name):
    rows = load()
    for row in rows:
        if row["name"] == name:
            return row
    raise LabError(f"no scenario '{name}'; there are "
                   + ", ".join(row["name"] for row in rows))
