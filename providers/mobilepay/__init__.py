"""MobilePay at the point of sale in Denmark, through the Integra gateway.

Sources: the gateway's help pages (S, C) and the MobilePay PoS Integrator API v10 behind it (C);
what is inferred is marked (I) where it is relied on. The gateway tells no times and lists nothing
by date.
"""
