"""`python -m services.redemption` runs one process of the service."""

from services.redemption.app import SERVICE
from shared.runtime.process import main

if __name__ == "__main__":
    main(SERVICE)
