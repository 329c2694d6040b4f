"""How the cloud knows who asks: keys and tokens, where they come from, and how a token is followed by the next."""
