"""The Chinese calendar: pure functions over dates. Lunar days, days off, market and member days, birthdays."""
