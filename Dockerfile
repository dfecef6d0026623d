# The images of `esmm`: `runtime` trains on CPUs, `gpu` on NVIDIA GPUs as well. Debian 13 has the glibc that
# requirements/py311.lock needs.
ARG PYTHON_IMAGE=python:3.11-slim-trixie

FROM ${PYTHON_IMAGE} AS builder
# pyfarmhash alone is compiled, and is built with Debian's current g++.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/py311.lock requirements/
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels -r requirements/py311.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-index /wheels/setuptools-*.whl /wheels/wheel-*.whl \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /package .

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --create-home --uid 1000 esmm && install -d -o esmm -g esmm /work
ENV PATH=/opt/esmm/bin:$PATH
# The libraries, 3 GB, are a layer of their own: it changes with their wheels alone. compileall uses all cores, pip one.
RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels \
    python -m venv /opt/esmm \
    && pip install --no-cache-dir --no-deps --no-index --no-compile /wheels/*.whl \
    && python -m compileall -q -j 0 /opt/esmm
RUN --mount=type=bind,from=builder,source=/package,target=/package \
    pip install --no-cache-dir --no-deps --no-index /package/*.whl
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
