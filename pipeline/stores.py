"""Which stores the pipeline's own files may be in: TensorFlow and Beam both read and write them."""

import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

from components.impression_example_gen.stores import schemes
from schema.errors import InputError


def check(key: str, address: str) -> None:
    """Checks that both have a file system for an address.

    Args:
        key: Where it was given, as it is written in a message.
        address: A path or a URI.

    Raises:
        InputError: One of them has none.
    """
    common = schemes() & set(tf.io.gfile.get_registered_schemes())
    scheme = FileSystems.get_scheme(address)
    if scheme and scheme not in common:
        known = ", ".join(f"{known}://" for known in sorted(common))
        raise InputError(f"{key} should be a path or in {known}. Received: {address}")
