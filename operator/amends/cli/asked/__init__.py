"""What is asked: with options on the command line, of the server, of the person before a change."""
