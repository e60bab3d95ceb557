"""The wire: the contract's words, and the routes that speak them."""
