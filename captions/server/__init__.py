"""The recogniser on this machine, behind the same service as the cloud's."""
