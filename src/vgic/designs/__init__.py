"""How a hypervisor hands interrupts to guests. `base.Design` is the contract; each design is a module beside it."""
