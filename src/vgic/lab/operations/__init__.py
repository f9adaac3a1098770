"""What a guest can do: operands, operations, one file a topic with what they do. `vgic.lab.program` has the table."""
