"""One function per class of garment. Each draws its garment in all images at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._draw import (
    Pen,
    box,
    buttons,
    contour,
    cut,
    ellipse,
    limb,
    neckline,
    ring,
    shoe_profile,
    sleeves,
    torso,
)


def _tshirt(pen: Pen) -> None:
    top, bottom = pen.uniform(-0.85, -0.72), pen.uniform(0.6, 0.88)
    shoulder, waist = pen.uniform(0.42, 0.52), pen.uniform(0.38, 0.5)
    reach, drop = pen.uniform(0.3, 0.48), pen.uniform(0.15, 0.42)
    neck = neckline(pen, top, pen.uniform(0.17, 0.3), pen.uniform(0.1, 0.36), pen.chance(0.3))
    trunk = torso(pen, shoulder, waist, waist + pen.uniform(-0.03, 0.08), top, bottom)
    pen.fill(cut(sleeves(pen, shoulder, top, reach, drop, pen.uniform(0.13, 0.2)), neck), 0.9)
    pen.fill(cut(trunk, neck))
    pen.draw(np.maximum(ring(neck, 0.03), trunk), pen.chance(0.5) * 0.6)
    # The print on the chest.
    cy, rx, ry = pen.uniform(-0.25, 0.05), pen.uniform(0.1, 0.27), pen.uniform(0.08, 0.25)
    logo = np.where(
        pen.chance(0.5) > 0,
        ellipse(pen.x, pen.y, 0.0, cy, rx, ry),
        box(pen.x, pen.y, 0.0, cy, rx, ry),
    )
    pen.draw(logo, pen.chance(0.4))


def _trouser(pen: Pen) -> None:
    x, y = np.abs(pen.x), pen.y
    top, bottom = pen.uniform(-0.95, -0.82), pen.uniform(0.8, 0.96)
    waist, hip = pen.uniform(0.22, 0.32), pen.uniform(0.3, 0.42)
    crotch = top + pen.uniform(0.4, 0.6)
    spread, leg = pen.uniform(0.06, 0.18), pen.uniform(0.13, 0.26)
    knee = pen.uniform(0.2, 0.3)
    inner = contour(y, (crotch, -0.02), (crotch + 0.15, 0.03), (bottom, spread))
    outer = contour(
        y, (top, waist), (crotch, hip), (0.35, 0.03 + spread * 0.6 + knee), (bottom, spread + leg)
    )
    legs = np.maximum(np.maximum(x - outer, inner - x), np.maximum(top - y, y - bottom))
    pen.fill(legs)
    belt = np.maximum(legs, y - top - pen.uniform(0.07, 0.13))
    pen.draw(belt, pen.chance(0.5) * 0.7)
    # A crease down each leg, and the fly.
    crease = np.maximum(legs, np.abs(x - (inner + outer) * 0.5) - 0.025)
    pen.draw(np.maximum(crease, crotch - y), pen.chance(0.3) * 0.5)
    pen.draw(box(x, y, 0.0, (top + crotch) * 0.5, 0.02, (crotch - top) * 0.4), 0.4)


def _long_sleeved(pen: Pen, length: Any, neck_pointed: Any) -> tuple[NDArray, NDArray, Any, Any]:
    """Draw the common parts of pullover and coat; return trunk, neck, top and bottom."""
    top = pen.uniform(-0.88, -0.75)
    bottom = pen.uniform(*length)
    shoulder, waist = pen.uniform(0.4, 0.5), pen.uniform(0.33, 0.44)
    reach, drop = pen.uniform(0.28, 0.46), pen.uniform(1.0, 1.35)
    neck = neckline(pen, top, pen.uniform(0.14, 0.22), pen.uniform(0.06, 0.2), neck_pointed)
    hem = waist + pen.uniform(-0.03, 0.08)
    trunk = cut(torso(pen, shoulder, waist, hem, top, bottom), neck)
    cuff = pen.uniform(0.08, 0.12)
    arms = cut(sleeves(pen, shoulder, top, reach, drop, cuff), neck)
    pen.fill(arms, pen.uniform(0.75, 0.95))
    pen.fill(trunk)
    return trunk, neck, top, bottom


def _pullover(pen: Pen) -> None:
    trunk, neck, top, bottom = _long_sleeved(pen, (0.6, 0.85), pen.chance(0.25))
    # Ribbing at hem and neck, some roll necks, some a band across the chest.
    rib = np.maximum(trunk, bottom - pen.uniform(0.08, 0.16) - pen.y)
    pen.draw(rib, pen.chance(0.5) * 0.5)
    pen.draw(np.maximum(ring(neck, 0.045), trunk), pen.chance(0.6) * 0.5)
    roll = box(pen.x, pen.y, 0.0, top, pen.uniform(0.14, 0.2), pen.uniform(0.06, 0.13), 0.04)
    pen.fill(roll, 0.9, pen.chance(0.3))
    band = np.maximum(trunk, np.abs(pen.y - pen.uniform(-0.4, 0.1)) - pen.uniform(0.06, 0.2))
    pen.draw(np.maximum(band, np.abs(pen.x) - 0.6), pen.chance(0.25) * 0.7)


def _dress(pen: Pen) -> None:
    x, y = np.abs(pen.x), pen.y
    top, bottom = pen.uniform(-0.9, -0.75), pen.uniform(0.65, 0.95)
    bust, waist = pen.uniform(0.22, 0.32), pen.uniform(0.16, 0.26)
    hem = waist + pen.uniform(0.04, 0.4)
    waist_y = pen.uniform(-0.35, -0.05)
    arm_y = top + pen.uniform(0.2, 0.34)
    strap = bust - pen.uniform(0.0, 0.08)
    width = contour(y, (top, strap), (arm_y, bust), (waist_y, waist), (bottom, hem))
    body = np.maximum(x - width, np.maximum(top - y, y - bottom))
    neck = neckline(
        pen, top, strap * pen.uniform(0.4, 0.8), pen.uniform(0.12, 0.4), pen.chance(0.4)
    )
    # A third have sleeves, from short to long.
    drop = pen.uniform(0.15, 1.0)
    arms = limb(
        x,
        y,
        (bust - 0.08, top + 0.12),
        (bust + pen.uniform(0.1, 0.25), top + 0.12 + drop),
        0.1,
        0.09,
    )
    pen.fill(arms, 0.9, pen.chance(0.35))
    pen.fill(cut(body, neck))
    belt = np.maximum(body, np.abs(y - waist_y) - pen.uniform(0.03, 0.08))
    pen.draw(belt, pen.chance(0.4) * 0.8)


def _coat(pen: Pen) -> None:
    trunk, _, top, bottom = _long_sleeved(pen, (0.78, 0.97), pen.chance(0.8))
    x, y = np.abs(pen.x), pen.y
    # The front opens from the neck to the hem, often wider below.
    gape = pen.uniform(0.0, 0.09)
    lean = pen.uniform(-0.05, 0.05)
    front = np.abs(pen.x - lean) - 0.028 - gape * np.clip((y - top) * 0.6, 0, 1)
    pen.paint(np.maximum(front, np.maximum(trunk, top + 0.1 - y)), 0.3 * pen.base)
    # Lapels: bright wedges beside the opening.
    fall = pen.uniform(0.35, 0.8)
    lapel = np.maximum(np.abs(x - 0.22 * (1 - (y - top) / fall)) - 0.05, y - top - fall)
    pen.draw(np.maximum(lapel, top - 0.02 - y), pen.chance(0.7) * 0.7)
    pocket = box(x, y, 0.25, pen.uniform(0.2, 0.45), 0.1, 0.03)
    pen.draw(np.maximum(pocket, trunk), pen.chance(0.6) * 0.8)
    hood = cut(ellipse(pen.x, y, 0.0, top, 0.24, 0.17), ellipse(pen.x, y, 0.0, top, 0.12, 0.09))
    pen.fill(hood, 0.85, pen.chance(0.25))
    studs = buttons(pen, lean + 0.11, top + fall, bottom - 0.1, 0.3, 0.045)
    pen.draw(studs, pen.chance(0.5))


def _shirt(pen: Pen) -> None:
    top, bottom = pen.uniform(-0.86, -0.74), pen.uniform(0.65, 0.92)
    shoulder, waist = pen.uniform(0.4, 0.5), pen.uniform(0.33, 0.44)
    short = pen.chance(0.35) > 0
    reach = np.where(short, pen.uniform(0.28, 0.42), pen.uniform(0.26, 0.44))
    drop = np.where(short, pen.uniform(0.2, 0.5), pen.uniform(1.0, 1.35))
    cuff = np.where(short, pen.uniform(0.13, 0.19), pen.uniform(0.09, 0.13))
    neck = neckline(pen, top, pen.uniform(0.13, 0.2), pen.uniform(0.1, 0.3), pen.chance(0.8))
    trunk = torso(pen, shoulder, waist, waist + pen.uniform(-0.02, 0.07), top, bottom)
    # The hem rises towards the sides.
    tails = ellipse(pen.x, pen.y, 0.0, bottom - 1.0, waist * 2.2, 1.0)
    trunk = cut(np.maximum(trunk, tails), neck)
    pen.fill(cut(sleeves(pen, shoulder, top, reach, drop, cuff), neck), pen.uniform(0.8, 0.95))
    pen.fill(trunk)
    x, y = np.abs(pen.x), pen.y
    collar = limb(x, y, (0.1, top - 0.03), (pen.uniform(0.14, 0.24), top + 0.24), 0.06, 0.05)
    pen.draw(collar, pen.uniform(0.4, 0.9))
    placket = np.maximum(np.abs(pen.x) - 0.025, trunk)
    pen.draw(placket, pen.uniform(0.2, 0.7))
    pen.draw(buttons(pen, 0.0, top + 0.25, bottom - 0.1, 0.22, 0.045), pen.chance(0.7))
    pocket = box(pen.x, y, 0.2, -0.3, 0.09, pen.uniform(0.04, 0.1))
    pen.draw(pocket, pen.chance(0.4) * 0.6)


def _sandal(pen: Pen) -> None:
    x, y = pen.x, pen.y
    ground, rise = pen.uniform(0.3, 0.5), pen.uniform(0.0, 0.75)
    rise = rise * pen.chance(0.75)
    sole = pen.uniform(0.05, 0.09)
    bed = ground - 0.1 - contour(x, (-0.35, 0 * rise), (0.6, rise), smooth=True)
    ends = np.abs(x) - 0.88
    pen.fill(np.maximum(np.abs(y - bed) - sole, ends))
    # A wedge under the foot, or a separate heel, both above the ground.
    wedge = np.maximum(np.maximum(bed - y, y - ground), np.maximum(-0.1 - x, ends))
    heel = limb(x, y, (0.72, ground - rise), (0.78, ground), 0.13, pen.uniform(0.04, 0.1))
    heel = np.maximum(heel, np.maximum(bed - y, y - ground))
    pen.fill(np.where(pen.chance(0.3) > 0, wedge, heel), 0.8)
    # Straps are the part of a rim above the sole.
    thick = pen.uniform(0.04, 0.075)
    toe = ring(ellipse(x, y, pen.uniform(-0.6, -0.45), ground - 0.1, 0.24, 0.3), thick)
    pen.fill(np.maximum(toe, y - bed))
    step = ring(ellipse(x, y, pen.uniform(-0.3, -0.1), bed, 0.25, pen.uniform(0.3, 0.45)), thick)
    pen.fill(np.maximum(step, y - bed), 0.9, pen.chance(0.6))
    high = pen.uniform(0.35, 0.6)
    ankle = ring(ellipse(x, y, 0.55, ground - 0.1 - rise, 0.28, high), thick)
    pen.fill(np.maximum(ankle, y - bed), strength=pen.chance(0.75))
    back = limb(x, y, (-0.3, ground - 0.35), (0.6, ground - rise - high), thick, thick)
    pen.fill(back, 0.95, pen.chance(0.4))


def _sneaker(pen: Pen) -> None:
    x, y = pen.x, pen.y
    ground = pen.uniform(0.3, 0.5)
    toe, shaft = pen.uniform(0.22, 0.34), pen.uniform(0.55, 0.85)
    shaft_x = pen.uniform(0.15, 0.4)
    instep_x, instep = pen.uniform(-0.4, -0.2), toe + pen.uniform(0.02, 0.14)
    shoe = shoe_profile(
        pen,
        ground,
        toe,
        instep,
        instep_x,
        shaft,
        shaft_x,
        shaft + pen.uniform(-0.1, 0.1),
        pen.uniform(0.0, 0.1),
    )
    opening = ellipse(x, y, 0.6, ground - shaft - 0.02, 0.25, pen.uniform(0.08, 0.22))
    pen.fill(cut(shoe, opening))
    pen.draw(np.maximum(shoe, ground - pen.uniform(0.1, 0.18) - y), pen.chance(0.85) * 0.9)
    # Laces climb the instep; a flash lies on the side.
    lace = limb(
        x, y, (instep_x, ground - instep + 0.08), (shaft_x, ground - shaft + 0.1), 0.07, 0.07
    )
    gaps = np.abs((x * 7) - np.floor(x * 7) - 0.5) * 0.14 - 0.03
    pen.draw(np.maximum(lace, gaps), pen.chance(0.7))
    flash = limb(
        x,
        y,
        (-0.2, ground - 0.2),
        (pen.uniform(0.2, 0.5), ground - pen.uniform(0.3, 0.5)),
        0.04,
        0.08,
    )
    pen.draw(np.maximum(flash, shoe), pen.chance(0.6) * 0.8)


def _bag(pen: Pen) -> None:
    x, y = np.abs(pen.x), pen.y
    top, bottom = pen.uniform(-0.4, 0.05), pen.uniform(0.6, 0.85)
    wide, flare = pen.uniform(0.55, 0.9), pen.uniform(-0.15, 0.15)
    corner = pen.uniform(0.03, 0.25)
    middle, half = (top + bottom) * 0.5, (bottom - top) * 0.5
    body = box(x + flare * (y - middle), y, 0.0, middle, wide, half, corner)
    # Two handles, one long strap, or a clutch with neither.
    handle = ring(
        ellipse(x, y, 0.0, top + 0.05, wide * pen.uniform(0.35, 0.9), pen.uniform(0.25, 0.6)),
        pen.uniform(0.03, 0.07),
    )
    pen.fill(np.maximum(handle, y - top - 0.1), 0.85, pen.chance(0.85))
    pen.fill(body)
    flap = top + half * pen.uniform(0.4, 1.2)
    pen.draw(np.maximum(body, np.abs(y - flap) - 0.03), pen.chance(0.6) * 0.8)
    clasp = box(x, y, 0.0, flap, pen.uniform(0.06, 0.12), pen.uniform(0.06, 0.1), 0.03)
    pen.draw(clasp, pen.chance(0.6))
    seam = np.maximum(body, np.abs(x - wide * 0.65) - 0.025)
    pen.draw(seam, pen.chance(0.3) * 0.7)


def _ankle_boot(pen: Pen) -> None:
    x, y = pen.x, pen.y
    ground = pen.uniform(0.6, 0.8)
    toe, shaft = pen.uniform(0.24, 0.36), pen.uniform(0.85, 1.35)
    instep_x = pen.uniform(-0.35, -0.15)
    boot = shoe_profile(
        pen,
        ground,
        toe,
        toe + pen.uniform(0.08, 0.2),
        instep_x,
        shaft,
        instep_x + pen.uniform(0.28, 0.4),
        shaft + pen.uniform(-0.05, 0.1),
        pen.uniform(0.08, 0.22),
    )
    # A heel lifts the arch off the ground.
    arch = box(
        x, y, pen.uniform(0.0, 0.2), ground, pen.uniform(0.25, 0.36), pen.uniform(0.08, 0.2), 0.07
    )
    boot = np.where(pen.chance(0.6) > 0, cut(boot, arch), boot)
    pen.fill(boot)
    pen.draw(np.maximum(boot, ground - pen.uniform(0.06, 0.12) - y), pen.chance(0.6) * 0.8)
    cuff = np.maximum(boot, y - ground + shaft - pen.uniform(0.1, 0.25))
    pen.draw(cuff, pen.chance(0.35) * 0.6)
    zipper = box(x, y, pen.uniform(0.2, 0.5), ground - shaft * 0.6, 0.03, shaft * 0.35)
    pen.draw(np.maximum(zipper, boot), pen.chance(0.35))


# In the order of TARGET_NAMES.
PAINTERS = (
    _tshirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
