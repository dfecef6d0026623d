"""Arguments for Beam."""

LOCAL_ARGS = (
    # Named outright: a bare DirectRunner first tries to download another runner.
    "--runner=FnApiRunner",
    # Else TFX packs itself into an archive for each component and leaves it in the temporary folder.
    "--sdk_container_image=unused",
)
