"""How the embedded scorer's weights are learned; nothing here is needed to use them."""
