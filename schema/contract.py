"""Names that cross a border: between components, and between the model and its clients."""

import math

# Labels of an example, int64 [1]. Only in the TRAINING environment; clients never send them.
CLICK = "click"
CONVERSION = "conversion"
LABELS = (CLICK, CONVERSION)

# Environments of the schema.
TRAINING = "TRAINING"
SERVING = "SERVING"

# Splits of the examples. The last one, of logged requests, has no labels; only the data guard looks at it.
TRAIN_SPLIT = "train"
EVAL_SPLIT = "eval"
SERVING_SPLIT = "serving"
LABELLED_SPLITS = (TRAIN_SPLIT, EVAL_SPLIT)

# Key of preprocessing_fn's custom_config: a JSON list of the labels beside these two.
STAGE_LABELS_KEY = "stage_labels"

# Transformed features, beside the labels: every field's ids in one int64 [S], the weighted ones' weights in one float32
# [W], and the dense ones in one float32 [N].
IDS = "ids"
WEIGHTS = "weights"
DENSE = "dense"

# Name that a server knows the model by.
MODEL_NAME = "esmm"

# The SavedModel's signatures; all give three probabilities, float32 [B].
# By default of serialized tf.Examples, string [B]:
SERVING_SIGNATURE = "serving_default"
EXAMPLES = "examples"
# of a tensor for each raw feature, [B], or [B, L] where there may be several values:
COLUMNS_SIGNATURE = "predict_columns"
# the same of B candidates for one user and context, whose features have one row; as they came, or by falling pCTCVR
# with each one's place in the request, int32 [B]:
RANK_SIGNATURE = "rank"
RANK_SORTED_SIGNATURE = "rank_sorted"
INDEX = "index"
PCTR = "pctr"
PCVR = "pcvr"
PCTCVR = "pctcvr"
OUTPUTS = (PCTR, PCVR, PCTCVR)

# What stands in such a tensor where there is no value, and behind the last of several ones.
MISSING_INT = -(2**63)
MISSING_FLOAT = math.nan
MISSING_BYTES = b""
# By the name of the tensor's dtype.
MISSING = {"int64": MISSING_INT, "float32": MISSING_FLOAT, "string": MISSING_BYTES}

# Logger that training reports its progress to; see `models.progress`.
PROGRESS_LOGGER = "esmm.progress"

# Where a model directory keeps the schema of the examples it takes.
MODEL_SCHEMA_PATH = "assets.extra/schema.pbtxt"

# Where it keeps what it promises its clients; see `components.serving_guard.serving_contract`.
SERVING_CONTRACT_PATH = "assets.extra/serving_contract.json"

# Where it keeps what its variables are of; see `schema.model_shape`.
MODEL_SHAPE_PATH = "assets.extra/shape.json"
