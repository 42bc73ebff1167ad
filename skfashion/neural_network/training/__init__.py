"""Training: samples, batches, augmentation, losses, optimizers, checkpoints and the loop."""
