"""What stands below a cell: outputs that can be replaced, and what stays in the file."""
