"""The pipeline, read top to bottom."""

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common import importer

from components.curated_schema.component import CuratedSchema
from components.data_guard.component import DataGuard
from components.impression_example_gen.component import ImpressionExampleGen
from components.impression_example_gen.files import Patterns
from components.impression_example_gen.log_format import IMPRESSIONS
from components.packed_transform import carry_on
from components.packed_transform.component import PackedTransform
from components.serving_guard.component import ServingGuard
from components.vocabulary_report.component import VocabularyReport
from models import search_space
from models.settings import WARM_START_LAST
from pipeline import beam, evaluation, stores, trainer_config
from pipeline.config import CARRY_ON_LAST, CARRY_ON_NONE, Config, PushConfig, absolute
from pipeline.earlier import Earlier
from pipeline.fingerprint import code_fingerprint
from pipeline.target import Target
from pipeline.transformed import transform_fingerprint
from schema import contract, load


def create_pipeline(config: Config, target: Target) -> tfx.dsl.Pipeline:
    """Builds the pipeline from the log to the pushed model.

    A component is given its own part of the configuration and a fingerprint of its own code, so the cache answers for
    it until one of these, or its input, changes.

    Raises:
        InputError: The vocabularies to be carried on are not of these fields, the model to begin with is not
            like this one, one of them is in a store that can't be read, or Beam does not take its options.
    """
    earlier = target.earlier
    curated = load.read_schema(load.schema_path(config.schema_file))
    schema = CuratedSchema(curated)

    examples = ImpressionExampleGen(
        schema=schema.outputs["schema"],
        input_base=target.data_base,
        splits=file_patterns(config),
        log=config.data.log,
        serving_format=config.data.serving_sample.format if config.data.serving_sample else "jsonl",
        dead_letters=target.dead_letters,
        fingerprint=code_fingerprint("components.impression_example_gen.executor"),
        data_version=target.data_version,
    )

    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"], schema=schema.outputs["schema"])

    anomalies = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        exclude_splits=[contract.SERVING_SPLIT],  # has no labels; the guard looks at it
    )

    last_accepted = earlier.accepted(statistics.outputs["statistics"])

    guard = DataGuard(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        statistics=statistics.outputs["statistics"],
        anomalies=anomalies.outputs["anomalies"],
        last_accepted=last_accepted.outputs["accepted"],
        fields=config.fields,
        settings=config.guard,
        fingerprint=code_fingerprint("components.data_guard.executor"),
    )

    carried_on = _carried_on(config, curated, earlier, examples, statistics)
    transform = PackedTransform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        fields=config.fields,
        fingerprint=transform_fingerprint(),
        carried_on=carried_on.outputs["carried_on"] if carried_on else None,
    ).with_id("Transform")
    transform.add_upstream_node(guard)

    vocabulary_report = VocabularyReport(
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        fields=config.fields,
        fingerprint=code_fingerprint("components.vocabulary_report.executor"),
    )

    tuner = _tuner(config, transform)
    begins_with = (
        earlier.warm_start(examples.outputs["examples"], statistics.outputs["statistics"])
        if config.train.warm_start == WARM_START_LAST
        else None
    )
    trainer = tfx.components.Trainer(
        run_fn="models.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        base_model=begins_with.outputs["model"] if begins_with else None,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        train_args=tfx.proto.TrainArgs(splits=[contract.TRAIN_SPLIT]),
        eval_args=tfx.proto.EvalArgs(splits=[contract.EVAL_SPLIT]),
        custom_config=trainer_config.custom_config(config, target.checkpoints),
    )

    baseline = earlier.baseline(trainer.outputs["model"])

    # The Evaluator takes every feature of its schema apart, row by row; the model reads the serialized example anyway.
    needed = load.project(curated, [*contract.LABELS, *config.evaluation.slices])
    evaluation_schema = CuratedSchema(needed).with_id("EvaluationSchema")

    evaluator = tfx.components.Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        example_splits=[contract.EVAL_SPLIT],
        eval_config=evaluation.eval_config(config.evaluation),
        schema=evaluation_schema.outputs["schema"],
    )

    infra_validator = _infra_validator(config.push, trainer.outputs["model"], examples.outputs["examples"])
    serving_guard = ServingGuard(
        model=trainer.outputs["model"],
        examples=examples.outputs["examples"],
        evaluation=evaluator.outputs["evaluation"],
        model_blessing=evaluator.outputs["blessing"],
        metrics=evaluation.METRICS,
        pushed_to=target.serving,
        allow_breaking=config.push.allow_breaking,
        fingerprint=code_fingerprint("components.serving_guard.executor"),
        infra_blessing=infra_validator.outputs["blessing"] if infra_validator else None,
    )

    pusher = tfx.components.Pusher(
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_guard.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=target.serving)
        ),
    )

    recorders = earlier.record(
        pushed_model=pusher.outputs["pushed_model"],
        model=trainer.outputs["model"],
        transform_graph=transform.outputs["transform_graph"],
        statistics=guard.outputs["accepted_statistics"],
    )

    components = [
        schema,
        examples,
        statistics,
        anomalies,
        last_accepted,
        guard,
        *([carried_on] if carried_on else []),
        transform,
        vocabulary_report,
        *([tuner] if tuner else []),
        *([begins_with] if begins_with else []),
        trainer,
        baseline,
        evaluation_schema,
        evaluator,
        *([infra_validator] if infra_validator else []),
        serving_guard,
        pusher,
        *recorders,
    ]
    return tfx.dsl.Pipeline(
        pipeline_name=target.name,
        pipeline_root=target.artifacts,
        components=components,
        metadata_connection_config=target.metadata,
        beam_pipeline_args=beam.hand_out(config.beam, components),
        enable_cache=True,
    )


def file_patterns(config: Config) -> Patterns:
    """File patterns of the log, by split and role."""
    patterns = {contract.TRAIN_SPLIT: config.data.splits.train, contract.EVAL_SPLIT: config.data.splits.eval}
    if config.data.serving_sample:
        patterns[contract.SERVING_SPLIT] = {IMPRESSIONS: config.data.serving_sample.files}
    return patterns


def _carried_on(
    config: Config,
    schema: schema_pb2.Schema,
    earlier: Earlier,
    examples: base_node.BaseNode,
    statistics: base_node.BaseNode,
) -> base_node.BaseNode | None:
    """What gives the transform graph whose vocabularies are carried on, if any are."""
    carry_on_from = config.vocabularies.carry_on
    if carry_on_from == CARRY_ON_NONE:
        return None
    if carry_on_from == CARRY_ON_LAST:
        return earlier.carried_on(examples.outputs["examples"], statistics.outputs["statistics"])
    stores.check("`vocabularies.carry_on`", carry_on_from)
    carry_on.check(carry_on_from, config.fields, schema)
    return importer.Importer(
        source_uri=absolute(carry_on_from),
        artifact_type=tfx.types.standard_artifacts.TransformGraph,
        output_key="carried_on",
    ).with_id("CarriedOn")


def _tuner(config: Config, transform: base_node.BaseNode) -> base_node.BaseNode | None:
    """What chooses settings for the Trainer, if any are to be chosen."""
    if not config.tuner:
        return None
    return tfx.components.Tuner(
        tuner_fn="models.tuner.tuner_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(splits=[contract.TRAIN_SPLIT]),
        eval_args=tfx.proto.EvalArgs(splits=[contract.EVAL_SPLIT]),
        custom_config={
            **trainer_config.settings(config),
            search_space.TUNER_KEY: config.tuner.model_dump_json(),
            "fingerprint": code_fingerprint("models.tuner"),
        },
    )


def _infra_validator(
    push: PushConfig, model: types.BaseChannel, examples: types.BaseChannel
) -> base_node.BaseNode | None:
    """What asks a model server for answers, if one is configured."""
    if push.model_server == "none":
        return None
    serving = tfx.proto.ServingSpec(
        tensorflow_serving=tfx.proto.TensorFlowServing(tags=[push.tf_serving]), model_name=contract.MODEL_NAME
    )
    if push.model_server == "docker":
        serving.local_docker.SetInParent()
    else:
        serving.kubernetes.SetInParent()
    return tfx.components.InfraValidator(
        model=model,
        examples=examples,
        serving_spec=serving,
        request_spec=tfx.proto.RequestSpec(
            tensorflow_serving=tfx.proto.TensorFlowServingRequestSpec(signature_names=[contract.SERVING_SIGNATURE]),
            split_name=contract.EVAL_SPLIT,
            num_examples=16,
        ),
    )
