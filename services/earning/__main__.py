"""`python -m services.earning` runs one process of the service."""

from services.earning.app import SERVICE
from shared.runtime.process import main

if __name__ == "__main__":
    main(SERVICE)
