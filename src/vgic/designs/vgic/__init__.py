"""The toolbox: what hypervisors with a virtual GIC are made of. Nothing in it is one hypervisor's own."""
