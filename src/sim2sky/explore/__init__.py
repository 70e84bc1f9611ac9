"""What the page's latent map needs: points, and sheets of stamps and Grad-CAM maps."""
