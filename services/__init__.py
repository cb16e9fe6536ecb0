"""The services. Whoever imports one takes its hot modules from the build that the environment names, if any."""

import gc
import os

from shared.compiled import SETTING, use_build

# Nearly all that importing makes stays: looking for garbage among it as often as usual is a seventh of a start's time.
gc.set_threshold(200_000, 20, 100)
use_build(os.environ.get(SETTING))
