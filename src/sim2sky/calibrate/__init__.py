"""What a trained model is worth: calibrated probabilities and distances to its training images."""
