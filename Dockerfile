# The operator's image: Python, what it runs on, and Amends; no shell, no package manager, no pip.
#
#   make image                         with docker (or ENGINE=podman, ENGINE=buildah)
#   python hack/image/image.py         where no base image can be pulled: on one made by debootstrap
#
# BASE is any Debian with Python 3.11 or newer and its venv module; the image gets the base's Python.
# A release pins it by digest: BASE=python:3.13-slim@sha256:… (docs/image.md says how to find it).
ARG BASE=python:3.13-slim

# ------------------------------------------------------------- tools: pip and hatchling, both pinned
FROM ${BASE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
WORKDIR /build
COPY requirements-build.lock ./
# Where packages come from is the builder's own affair: a secret is seen by this step alone and is
# in no layer. Without one, pip asks the public index.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=pip.crt,target=/etc/pip.crt \
    python3 -m venv /tools \
    && /tools/bin/pip install --quiet --no-compile --require-hashes -r requirements-build.lock

# -------------------------------------------------- dependencies: from the lock, each with its hash
FROM tools AS dependencies
COPY requirements.lock ./
# Wheels only, so nothing is compiled and no compiler is needed. The environment has no pip itself.
# Bytecode is written now, since the operator's root file system is read-only: unchecked, because
# file times do not survive a reproducible build.
#
# The Kubernetes client is 72 MB of generated models, of which the operator loads a handful. As one
# zip, which Python imports from just as well, it is whole and takes 7.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=pip.crt,target=/etc/pip.crt \
    python3 -m venv --without-pip /opt/amends \
    && /tools/bin/pip --python /opt/amends/bin/python3 install --quiet --no-compile \
        --only-binary=:all: --require-hashes -r requirements.lock \
    && cd /opt/amends/lib/python3*/site-packages \
    && python3 -m compileall -q -b --invalidation-mode unchecked-hash -p "$PWD/kubernetes.zip" \
        -x '/client/(api|models)/' kubernetes \
    && find kubernetes -exec touch --date=1980-01-01 {} + \
    && python3 -m zipfile --create kubernetes.zip kubernetes \
    && rm -r kubernetes \
    && echo kubernetes.zip >kubernetes.pth \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/amends

# --------------------------------------------------------------- project: built and installed offline
FROM dependencies AS project
COPY pyproject.toml README.md LICENSE ./
COPY operator/ operator/
RUN /tools/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /tools/bin/pip --python /opt/amends/bin/python3 install --quiet --no-compile --no-index \
        --no-warn-script-location --no-deps --find-links /wheel --root /project amends \
    && python3 -m compileall -q --invalidation-mode unchecked-hash \
        -s /project -p / /project \
    && install -D -m 644 LICENSE /project/licenses/LICENSE

# ---------------------------------------------------------------- rootfs: Python itself, from the base
FROM dependencies AS rootfs
COPY hack/image/rootfs.py ./
RUN python3 rootfs.py /rootfs /opt/amends

# ------------------------------------------------------------------------------------------ the image
FROM scratch
# Three layers, the one that changes least at the bottom.
COPY --from=rootfs /rootfs/ /
COPY --from=dependencies /opt/amends/ /opt/amends/
COPY --from=project /project/ /

ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="amends" \
      org.opencontainers.image.description="A Kubernetes operator that undoes what automations did" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# LANG: Python would choose UTF-8 by itself; what else reads it should know too.
# HOME: a cluster may choose another user, one that /etc/passwd does not know.
# PYTHONDONTWRITEBYTECODE: never tried on a read-only file system, nor done on a writable one.
ENV PATH=/opt/amends/bin HOME=/nonexistent LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/opt/amends/bin/amends"]
CMD ["run"]
