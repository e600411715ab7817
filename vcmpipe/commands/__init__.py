"""The use cases behind the command line, each callable from Python."""
