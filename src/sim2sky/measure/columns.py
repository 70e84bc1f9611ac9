"""Columns of the table of shapes, and the bits of its flag."""

FLAG_NO_GALAXY = 1  # nothing shines at the centre
FLAG_NOT_MEASURED = 2  # statmorph was not asked, to save time
FLAG_SUSPECT = 4  # statmorph's flag 1
FLAG_BAD = 8  # statmorph's flag 2 or 4: its numbers are not to be used
FLAG_BAD_SERSIC = 16  # the same for the Sersic fit
NUISANCE = "nuisance_"

# statmorph's name of each quantity by ours
QUANTITIES = {
    "gini": "gini",
    "m20": "m20",
    "concentration": "concentration",
    "asymmetry_circle": "asymmetry",
    "smoothness": "smoothness",
    "shape_asymmetry": "shape_asymmetry",
    "multimode": "multimode",
    "intensity": "intensity",
    "deviation": "deviation",
    "sn_per_pixel": "sn_per_pixel",
}
SERSIC = {"sersic_n": "sersic_n", "sersic_half_light_px": "sersic_rhalf"}
