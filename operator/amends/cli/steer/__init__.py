"""How people steer what is under way: they cancel it, hold it back or let it go on."""
