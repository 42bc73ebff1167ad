"""The networks: functions that return a keras model, and the check of what they return."""
