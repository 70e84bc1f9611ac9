"""Attacks and accidents: what a model says when its images are not quite what it was trained on.

One pixel is chosen against the model by differential evolution; cosmic rays, dead
pixels, compression, a wrong PSF, a wrong sky and another noise befall the images as they
befall a survey's.
"""
