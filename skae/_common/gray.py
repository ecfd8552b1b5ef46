"""How much red, green and blue there is in the gray of a colour."""

# Shares of red, green and blue in the brightness of a colour, ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
# Shares of red, green and blue in the gray of a colour.
GRAY_WEIGHTS = {"mean": (1 / 3, 1 / 3, 1 / 3), "luma": LUMA}
