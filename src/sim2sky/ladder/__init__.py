"""The ladder from the crude simulation to the survey, one realism at a time.

The same test galaxies are observed with more and more of what a survey does to them, and
again with longer and shorter exposures; each model then says how far each rung lies from
the survey's images in its latent space, how often it is right, and where it looks.
"""
