# OnTheFly's server.
#
#   docker build -t onthefly .
#   docker run -p 8000:8000 -v onthefly:/data -e ONTHEFLY_TOKEN=<8 or more characters> onthefly
#
# It listens beyond loopback here, so it does not start without a token.
#
# Jobs are isolated by Deno's permissions. For bubblewrap around them as well, the container has to
# be allowed user namespaces (--security-opt seccomp=unconfined, on some hosts also apparmor=unconfined);
# /readyz says what is really there, and ONTHEFLY_SANDBOX=require refuses to start without it.
#
# GPU: install the NVIDIA container toolkit on the host, begin from an image with the CUDA libraries
# that your TensorFlow asks for, and run with --gpus all.
FROM denoland/deno:debian-2.9.6

RUN apt-get update \
  && apt-get install -y --no-install-recommends bubblewrap \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /app /data \
  && chown deno:deno /app /data

USER deno
WORKDIR /app

# Packages change less often than the code does.
COPY --chown=deno:deno deno.json deno.lock ./
RUN deno install --frozen

COPY --chown=deno:deno . .
RUN deno cache --frozen main.ts runtime/worker.ts

ENV ONTHEFLY_HOST=0.0.0.0 ONTHEFLY_PORT=8000 ONTHEFLY_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
  ["deno", "eval", "const { ok } = await fetch(`http://127.0.0.1:${Deno.env.get('ONTHEFLY_PORT')}/healthz`); Deno.exit(ok ? 0 : 1);"]

# The image's entry point is tini, which passes signals on and reaps what workers leave.
CMD ["run", "-A", "--cached-only", "main.ts", "serve"]
