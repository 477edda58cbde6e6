"""``python -m dispatch_core``."""

import sys

from dispatch_core.cli import main

sys.exit(main())
