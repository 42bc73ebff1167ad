"""Built-in architectures, and the code that builds and checks a network."""
