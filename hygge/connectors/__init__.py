"""One folder a type of home or store, and what several of them share."""
