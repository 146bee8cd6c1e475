"""Changes that damage an array."""


def at(place, value):
    """A change of one number."""

    def change(x):
        x = x.copy()
        x[place] = value
        return x

    return change
