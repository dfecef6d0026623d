"""How many values features have: those of Ali-CCP, so that a simulated log of it is as much work as the release."""

# Different values of a field in the release; a history has those of its cross.
ALI_CCP_VOCABULARIES = {
    "101": 238_635,
    "109_14": 5_888,
    "110_14": 104_830,
    "127_14": 51_878,
    "150_14": 37_148,
    "121": 98,
    "122": 14,
    "124": 3,
    "125": 8,
    "126": 4,
    "127": 4,
    "128": 3,
    "129": 5,
    "205": 467_298,
    "206": 6_929,
    "207": 263_942,
    "210": 37_148,
    "216": 106_399,
    "508": 5_888,
    "509": 104_830,
    "702": 51_878,
    "853": 37_148,
    "301": 4,
}

# Of any other feature whose domain is open.
OPEN_VOCABULARY = 10_000

# Values of a multi-valued field in a row of the release, on average; of 210 and the crosses it is a guess.
ALI_CCP_MEAN_LENGTHS = {
    "109_14": 69,
    "110_14": 250,
    "127_14": 154,
    "150_14": 136,
    "210": 3,
    "508": 1,
    "509": 1,
    "702": 1,
    "853": 2,
}

# Most values of any other multi-valued feature whose schema does not limit them.
OPEN_LENGTH = 20

# Impressions of a user in a row, 58 on average: the release has 42,300,135 for 730,600 rows of common features.
SHORTEST_SESSION = 30
LONGEST_SESSION = 86

# Shares of the release are 0.04 and 0.005; with this cvr 2,000 impressions already hold some conversions.
DEFAULT_CTR = 0.04
DEFAULT_CVR = 0.05

# The click's signal and that of the conversion alone have equal parts in the conversion's.
DEFAULT_SELECTION_BIAS = 1.0
