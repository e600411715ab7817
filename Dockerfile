# vcmpipe on the CPU, with its encoder: docker build --tag vcmpipe .
# With extras: --build-arg EXTRAS=torchvision,train (docs/install.md)
FROM python:3.11.14-slim-bookworm AS base

FROM base AS build
ARG EXTRAS=""
# An index with PyTorch for the CPU: without one its CUDA libraries come along with the extras that need it.
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /source
COPY pyproject.toml setup.cfg requirements.lock README.md LICENSE ./
COPY vcmpipe vcmpipe
COPY pipelines pipelines
COPY datasets datasets
RUN python -m venv /opt/vcmpipe \
    && /opt/vcmpipe/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/vcmpipe/bin/pip install --no-cache-dir --constraint requirements.lock \
        "$(echo /wheels/vcmpipe-*.whl)${EXTRAS:+[$EXTRAS]}"

FROM base
# What OpenCV looks for, of the release that the base names; and a home that whoever runs the image may write to.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /home/vcmpipe --create-home vcmpipe \
    && chmod 1777 /home/vcmpipe
COPY --from=build /opt/vcmpipe /opt/vcmpipe
ENV PATH=/opt/vcmpipe/bin:$PATH HOME=/home/vcmpipe
USER 1000
WORKDIR /data
ENTRYPOINT ["vcmpipe"]
CMD ["--help"]
