"""`python -m polwidgets` is the command `polwidgets`."""

from __future__ import annotations

import sys

from polwidgets.cli import main

sys.exit(main())
