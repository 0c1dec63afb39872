"""Who may do what, by the whole plan: policies, trust, compute that carries roles, and the code that uses them."""
