"""What the user asked for: options, files, variables, problems."""
