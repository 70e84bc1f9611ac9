"""How far probabilities can be trusted under a shift, and what a model does not know.

Which rows serve for what: the source's training rows set the distances, its
validation rows the temperature, the thresholds of the prediction sets and the limit
from which an image is far; every number is then taken on test rows. No row does two
of these, and no label of the target is read but those of the scored test rows.
"""
