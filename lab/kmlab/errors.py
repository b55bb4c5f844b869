# SPDX-License-Identifier: GPL-2.0-or-later
"""The one exception that the lab shows to its user as a plain message."""


class LabError(Exception):
    """Something the user can act on; str() is the whole message."""
