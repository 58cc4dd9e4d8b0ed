"""A small Marvin of our own, imported as `marvin` where there is no other: enough for modules on scaling and offerings.

Names and signatures are those that Marvin's users know. It waits against deadlines, raises what goes wrong, and
programs no port forwarding: a guest is reached at its own address.
"""
