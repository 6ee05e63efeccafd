"""The commands of `amends`: thin, and the only part that talks to a terminal."""
