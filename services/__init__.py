"""The services. Whoever imports one takes its hot modules from the build that the environment names, if any."""

import os

from shared.compiled import SETTING, use_build

use_build(os.environ.get(SETTING))
