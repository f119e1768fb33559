"""Results that need not travel: large, and quickly made again from smaller ones that do."""

from companion.store.durable import StoredFunction


def regenerable(function: StoredFunction) -> StoredFunction:
    """Declare that results of a stored function follow from the stored results that it uses, and from seeds.

    Samples that a function draws with the stored weights of a training and latent seeds are such results:
    `store export --without-samples` leaves them out if what they were made from travels, and they are computed
    again, under the same keys, by whoever asks for them::

        @regenerable
        @stored
        def samples(conditions, seed): ...

    Raises TypeError for a function that is not stored.
    """
    if not isinstance(function, StoredFunction):
        raise TypeError(f"@regenerable: {function!r} is not a @stored function; put it above @stored")
    function.regenerable = True
    return function
