"""Classifiers trained on a labelled domain that shall also hold on an unlabelled one."""
