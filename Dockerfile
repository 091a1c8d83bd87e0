# Two stages: pip and its caches stay in the first. Wheels only, so no compiler is ever needed.
FROM docker.io/library/python:3.13-slim AS build
COPY requirements/runtime.lock /src/runtime.lock
RUN python -m venv --without-pip /opt/slo-verify \
 && python -m pip --python /opt/slo-verify/bin/python install --no-cache-dir --no-compile \
      --disable-pip-version-check --only-binary=:all: --require-hashes -r /src/runtime.lock
COPY slo_action /src/slo_action
COPY entrypoint.py /opt/slo-verify/entrypoint.py
COPY --chmod=0755 container/slo-verify /opt/slo-verify/bin/slo-verify
# Byte code by content hash: it stays valid whatever a registry does to the files' times.
RUN cp -r /src/slo_action "$(/opt/slo-verify/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && /opt/slo-verify/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/slo-verify/lib \
 && find /opt/slo-verify/bin -type f ! -name slo-verify -delete \
 && rm -rf /opt/slo-verify/include /opt/slo-verify/.gitignore

FROM docker.io/library/python:3.13-slim
# A release adds version, revision, and the digest of the base.
LABEL org.opencontainers.image.title="slo-verify" \
      org.opencontainers.image.description="Verifies a deploy by its health SLO, and rolls it back when it is bad" \
      org.opencontainers.image.source="https://github.com/org/slo-verify" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/slo-verify /opt/slo-verify
RUN ln -s /opt/slo-verify/bin/slo-verify /usr/local/bin/slo-verify
# Root, as the runner demands: its files belong to another user of the host.
ENTRYPOINT ["/usr/local/bin/slo-verify"]
