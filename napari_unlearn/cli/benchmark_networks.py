"""Measure networks: our VarNet against its peers, Med3D's memory."""
