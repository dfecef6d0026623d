"""Arguments for Beam."""

LOCAL_ARGS = (
    # Named outright: a bare DirectRunner first tries to download another runner.
    "--runner=FnApiRunner",
    # Batches by bytes, up to 8,192 rows, where the default grows them one guess at a time; see docs/benchmarks.md.
    "--tfxio_use_byte_size_batching=True",
    # Else TFX packs itself into an archive for each component and leaves it in the temporary folder.
    "--sdk_container_image=unused",
)
