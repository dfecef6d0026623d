# The images of `esmm`: `runtime` trains on CPUs, `gpu` on NVIDIA GPUs as well. Debian 13 has the glibc that
# requirements/py311.lock needs.
ARG PYTHON_IMAGE=python:3.11-slim-trixie

FROM ${PYTHON_IMAGE} AS builder
# pyfarmhash alone comes as source, and is built with Debian's current g++.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The libraries, 3 GB, are a layer of their own: it changes with the lock alone.
COPY requirements/py311.lock requirements/
RUN python -m venv /opt/esmm \
    && /opt/esmm/bin/pip install --no-cache-dir --no-deps -r requirements/py311.lock
COPY . .
RUN /opt/esmm/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --create-home --uid 1000 esmm && install -d -o esmm -g esmm /work
ENV PATH=/opt/esmm/bin:$PATH
COPY --from=builder /opt/esmm /opt/esmm
RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps --no-index /wheels/*.whl
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="esmm" \
      org.opencontainers.image.description="A TFX training pipeline for ESMM" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 1000
# Data and runs are mounted here.
WORKDIR /work
# A job has no port to ask: healthy is a command that starts.
HEALTHCHECK --interval=5m --timeout=30s CMD ["esmm", "config", "show", "--config", "kuairand"]
ENTRYPOINT ["esmm"]

FROM runtime AS gpu
# Root for the installation alone. TensorFlow finds the CUDA libraries beside itself.
USER 0
RUN --mount=type=bind,source=requirements/gpu.lock,target=/tmp/gpu.lock \
    pip install --no-cache-dir --no-deps -r /tmp/gpu.lock
USER 1000
