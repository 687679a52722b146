"""`python -m zoo`, the console command `elbo-zoo` by another name."""

import sys

from zoo.commands import main

sys.exit(main(program="python -m zoo"))
