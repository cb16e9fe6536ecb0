"""`python -m services.notification` runs one process of the service."""

import sys

from pydantic import ValidationError

from services.notification.app import notification
from services.notification.settings import NotificationSettings
from shared.runtime.process import main

if __name__ == "__main__":
    try:
        settings = NotificationSettings()
    except ValidationError as error:
        wrong = "; ".join(f"GREENPOINTS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"notification cannot start: {wrong}. Set it in the environment.")
    main(notification(settings))
