"""Star particles to noise-free maps: band fluxes, views, framing and adaptive smoothing."""
