"""What all unit tests share: hypothesis gives no verdict on time, which is the machine's and not the code's."""

from hypothesis import settings

settings.register_profile("gatepost", deadline=None)
settings.load_profile("gatepost")
