"""How a network is trained: samples, batches, losses, optimizers, the loop and its checkpoints."""
