"""The inner loop of random erasing, compiled by numba on its first call; imported in functions."""

from skfashion._numba import compiled


@compiled
def fill(images, chosen, tops, lefts, heights, widths, values, advance):
    """Fill one rectangle in each of some images, in place.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        C-contiguous, of unsigned integers: the bits of pixels of any type.
    chosen, tops, lefts, heights, widths : ndarray of shape (n_rectangles,) of int
        Which image, and where in it; wholly inside.
    values : ndarray of shape (n_values,)
        Of the same type as `images`.
    advance : bool
        True: a value for each channel of each pixel, one after the other. False: one for each
        rectangle.
    """
    next_value = 0
    for n in range(chosen.shape[0]):
        part = images[chosen[n], tops[n] : tops[n] + heights[n], lefts[n] : lefts[n] + widths[n]]
        if advance:
            size = part.size
            part[:] = values[next_value : next_value + size].reshape(part.shape)
            next_value += size
        else:
            part[:] = values[n]
