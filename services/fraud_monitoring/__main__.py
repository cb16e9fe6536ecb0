"""`python -m services.fraud_monitoring` runs one process of the service."""

from services.fraud_monitoring.app import service
from services.fraud_monitoring.settings import read_settings
from shared.runtime.process import main

if __name__ == "__main__":
    main(service(read_settings()))
