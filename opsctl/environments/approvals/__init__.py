"""Plans that a colleague has to agree to, and plans that must still mean what they meant."""
