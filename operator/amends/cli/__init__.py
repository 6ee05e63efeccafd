"""The commands of `amends`: thin, and the only part that talks to a terminal.

The rooms of the verbs are the panels of `--help`: look, decide, steer, prove. They know nothing of
each other, and stand on what they share: asked, and below it shown.
"""
