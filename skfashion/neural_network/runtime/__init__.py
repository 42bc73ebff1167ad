"""Running networks: access to keras, compiled models, serialization and export."""
