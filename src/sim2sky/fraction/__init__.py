"""How many objects of a class a sample holds, when it holds another share than the training."""
