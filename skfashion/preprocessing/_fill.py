"""The inner loop of random erasing, compiled by numba on its first call; imported in functions."""

from skfashion._numba import compiled


@compiled
def fill(images, chosen, tops, lefts, bottoms, rights, values, advance):
    """Fill one rectangle in each of some images, in place.

    Parameters
    ----------
    images : ndarray of shape (n, height, width * channels)
        C-contiguous, of unsigned integers: the bits of pixels of any type.
    chosen, tops, lefts, bottoms, rights : ndarray of shape (n_rectangles,) of int
        Which image, and the first row and column in it and those behind the last, wholly inside.
    values : ndarray of shape (n_values,)
        Of the same type as `images`.
    advance : bool
        True: a value for each number filled, one after the other. False: one for each rectangle.
    """
    taken = 0
    for n in range(chosen.shape[0]):
        image, left, right = images[chosen[n]], lefts[n], rights[n]
        value = values[0] if advance else values[n]
        for y in range(tops[n], bottoms[n]):
            if advance:
                for x in range(left, right):
                    image[y, x] = values[taken]
                    taken += 1
            else:
                image[y, left:right] = value
