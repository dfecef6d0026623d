"""Arguments for Beam."""

LOCAL_ARGS = (
    # Named outright: a bare DirectRunner first tries to download another runner.
    "--runner=FnApiRunner",
    # Batches of up to 8,192 rows at once, where the default feels its way up from 1 by timing.
    "--tfxio_use_byte_size_batching=True",
    # Else TFX packs itself into an archive for each component and leaves it in the temporary folder.
    "--sdk_container_image=unused",
)
