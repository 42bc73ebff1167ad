"""What runs a trained network: keras, compiled models and their arrays, pickles and exports."""
