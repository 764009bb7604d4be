"""NearPay: card payments on phones in Saudi Arabia (SoftPOS), by its Accounts API.

Sources: the provider's «Accounts API» page (S), other public texts (C); what is inferred is
marked (I) where it is relied on.
"""
