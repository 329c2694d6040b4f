"""`captions doctor`: looks at all that the program needs here, and says of each whether it is well and what mends it.

What is heavy, or may be broken, is imported within the check that is about it, so that it is a finding and no crash.
"""
