"""The steps that handlers share: routing, waiting, issuing, declining, taking back. No I/O; they work on the desk."""
