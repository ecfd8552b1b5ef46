"""Write a file in one step; without torch, for the Displays."""

import os


def write_atomically(path, data):
    """Write a file such that a crash at any moment leaves the old one or the new one.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    data : bytes
        Its content.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)  # on a full disk it takes room
        raise
    if os.name == "posix":  # the name itself is written with the folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
