"""The laboratory: machines put together from scenarios, and what can happen to them."""
