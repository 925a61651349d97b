"""`python -m asiarch`: the command line without an installed script."""

import sys

from asiarch.cli import main

sys.exit(main())
