"""Choosing hyper-parameters without target labels, and what that costs against choosing with them.

Every method gets the same number of trials. A label-free criterion picks one
of them, with whose settings all final models are trained. Afterwards the
trials are scored on the target's test rows: the regret is what a choice by
the target's labels would have gained.
"""
