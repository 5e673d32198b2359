# Graft in a container: what is locked in requirements.lock and nothing else, as a user without rights, on a read-only root file system
# with one writable volume, /data.
#
#   docker build -t graft .
#   docker run --read-only -v graft:/data -p 4800:4800 -e OPENAI_API_KEY graft
#
# The first start prints a key; it is shown once. A configuration is read from /data/config.yaml when GRAFT_CONFIG names it.

FROM python:3.11-slim-bookworm AS build
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY .docker .docker
RUN sed -n '/^uv==/,/# via/p' requirements.lock > /tmp/uv.txt \
 && python -m pip install --quiet --root-user-action ignore --require-hashes --no-deps -r /tmp/uv.txt
RUN uv pip compile --quiet --no-annotate --constraint requirements.lock --output-file /tmp/run.txt pyproject.toml \
 && uv pip compile --quiet --no-annotate --constraint requirements.lock --output-file /tmp/make.txt --group build \
 && python .docker/subset.py requirements.lock /tmp/run.txt > /tmp/run.lock \
 && python .docker/subset.py requirements.lock /tmp/make.txt > /tmp/make.lock
RUN python -m venv --without-pip /opt/graft \
 && uv pip install --quiet --python /opt/graft/bin/python --require-hashes --no-deps -r /tmp/run.lock
COPY README.md ./
COPY proxy proxy
RUN python -m venv --without-pip /tmp/make \
 && uv pip install --quiet --python /tmp/make/bin/python --require-hashes --no-deps -r /tmp/make.lock \
 && /tmp/make/bin/python -m hatchling build -t wheel -d /tmp/wheel \
 && uv pip install --quiet --python /opt/graft/bin/python --no-deps /tmp/wheel/*.whl \
 && /opt/graft/bin/python -m compileall -q /opt/graft/lib/python3.11/site-packages/proxy

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 graft && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home graft \
 && mkdir /data && chown 10001:10001 /data
COPY --from=build /opt/graft /opt/graft
ENV PATH=/opt/graft/bin:/usr/local/bin:/usr/bin:/bin HOME=/data PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV GRAFT__SERVER__HOST=0.0.0.0 GRAFT__SERVER__FIRST_KEY=true GRAFT__STORAGE__URL=sqlite:////data/graft.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 4800
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:4800/health', timeout=3)"]
ENTRYPOINT ["graft"]
CMD ["serve"]
