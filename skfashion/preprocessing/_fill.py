"""The inner loop of random erasing, compiled by numba. Import it inside functions."""

from skfashion._numba import compiled


@compiled
def fill(images, chosen, tops, lefts, bottoms, rights, values, advance):
    """Fill one rectangle in each of the chosen images, in place.

    Parameters
    ----------
    images : ndarray of shape (n, height, width * channels)
        Images, C-contiguous. Unsigned integers contain the bits of pixels of any type.
    chosen, tops, lefts, bottoms, rights : ndarray of shape (n_rectangles,) of int
        Image index and bounding box of each rectangle, inside the image; ends are exclusive.
    values : ndarray of shape (n_values,)
        Fill values, of the same dtype as `images`.
    advance : bool
        Whether there is one value per filled number, instead of one per rectangle.
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
