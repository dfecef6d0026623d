"""Names that cross a border: between components, and between the model and its clients."""

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

# Transformed features: every field's ids in one int64 [S], the weighted ones' weights in one float32 [W], and the dense
# ones in one float32 [N].
IDS = "ids"
WEIGHTS = "weights"
DENSE = "dense"

# Where transformed examples hold the labels and the ids, in this order: one int64 [2 + S], which parses faster than
# three features. `weights` and `dense` are features of their own.
PACKED = "packed"

# The SavedModel's default signature: serialized tf.Examples, string [B], to three probabilities, float32 [B].
SERVING_SIGNATURE = "serving_default"
EXAMPLES = "examples"
PCTR = "pctr"
PCVR = "pcvr"
PCTCVR = "pctcvr"
OUTPUTS = (PCTR, PCVR, PCTCVR)

# Logger that training reports its progress to; see `models.progress`.
PROGRESS_LOGGER = "esmm.progress"

# Where a model directory keeps the schema of the examples it takes.
MODEL_SCHEMA_PATH = "assets.extra/schema.pbtxt"

# Where it keeps what its variables are of; see `schema.model_shape`.
MODEL_SHAPE_PATH = "assets.extra/shape.json"
