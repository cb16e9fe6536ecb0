"""`python -m services.earning`: run the service until it is told to stop."""

from services.earning.app import SERVICE
from shared.runtime.process import main

main(SERVICE)
