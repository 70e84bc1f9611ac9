"""How real the mocks of a domain look beside a survey's images, without the survey's labels.

Shapes, sizes, colours and sky noise of both domains are compared quantity by
quantity; the largest mismatch says what to mend in the mocks first.
"""
