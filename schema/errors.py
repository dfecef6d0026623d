"""The one error that means: the input or the configuration is wrong, not the program."""


class InputError(ValueError):
    """Bad data or bad configuration, told to the person at the screen.

    The message is one line: what should hold, what came, where, and what to do if that is not plain. Where there are
    several problems, their number comes first, and each has a line of its own.
    `esmm` prints it as it is and exits with 2.
    """
