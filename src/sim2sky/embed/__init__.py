"""The latent space of both domains: pictures of it, and how far apart the domains lie."""
