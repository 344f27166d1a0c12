# Three images, and one to try them with: docker build --target relay|vm|redis|simulator .
# Nothing is fetched but the base images, npm packages by the lock file, and Debian's packages. What changes most often comes last, so a change of the code sends little.

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./

# What nothing reads at run time is a third of all packages.
FROM packages AS relay-packages
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && npm uninstall --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund @anthropic-ai/claude-agent-sdk @clack/prompts @playwright/mcp cronstrue playwright sharp \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete

# Claude Code is set aside, as a layer of its own: it is the largest by far, and stays the same when other packages change.
FROM packages AS vm-packages
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete \
 && mkdir -p /claude/@anthropic-ai && mv node_modules/@anthropic-ai/claude-agent-sdk-* /claude/@anthropic-ai/ \
 && find /claude -exec touch --no-dereference --date=@0 {} +

# Node without what only debuggers of Node itself need.
FROM packages AS node
RUN apt-get update && apt-get install -y --no-install-recommends binutils && strip -o /node /usr/local/bin/node

FROM debian:bookworm-slim AS small
RUN groupadd --gid 1001 sidepocket && useradd --uid 1001 --gid sidepocket --create-home --shell /usr/sbin/nologin sidepocket
COPY --from=node /node /usr/local/bin/node
ENV NODE_ENV=production
WORKDIR /app
COPY --from=relay-packages /app/package.json ./
COPY --from=relay-packages /app/node_modules ./node_modules

FROM small AS relay
COPY shared ./shared
COPY relay ./relay
# What Node compiles is kept for every start of this user: what is loaded at once, for which the program without any setting will do,
# and what the first page loads, under the settings of the heap that apply by then.
# No other program runs as this user here, so the relay need not start a second time to hide its environment from it.
ENV NODE_COMPILE_CACHE=/app/compiled MALLOC_ARENA_MAX=1 SIDEPOCKET_ALONE=1
RUN install -d -o sidepocket compiled
USER sidepocket
RUN node --max-semi-space-size=4 relay/main.ts 2> /dev/null; \
    node --max-semi-space-size=4 --input-type=module --eval "(await import('/app/relay/small-heap.ts')).keepHeapSmall(); await import('/app/relay/http/site.ts')"
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "relay/main.ts"]

# A Twilio, a model and a phone page of our own, to try the other images without any account.
FROM small AS simulator
COPY shared ./shared
COPY simulator ./simulator
RUN mkdir .sidepocket && chown sidepocket:sidepocket .sidepocket
USER sidepocket
EXPOSE 4040
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:4040/').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "simulator/surroundings/main.ts"]

# The tools are the agent's; tini reaps what its commands leave behind, setpriv (util-linux) starts them as its user.
FROM node:24-bookworm-slim AS vm
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates chromium curl file fonts-droid-fallback fonts-liberation fonts-noto-color-emoji g++ gh git jq less make nftables openssh-client procps python3 python3-pip python3-venv restic ripgrep tini unzip util-linux zip \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && groupadd --gid 1001 sidepocket && useradd --uid 1001 --gid sidepocket --create-home --shell /usr/sbin/nologin sidepocket \
 && groupadd --gid 1002 agent && useradd --uid 1002 --gid agent --no-create-home --home-dir /data/home --shell /bin/bash agent
ENV NODE_ENV=production AGENT_USER=agent DATA_DIR=/data CHROMIUM_PATH=/usr/bin/chromium
WORKDIR /app
COPY --from=vm-packages /claude ./node_modules
COPY --from=vm-packages /app/package.json ./
COPY --from=vm-packages /app/node_modules ./node_modules
COPY docker/vm.sh /usr/local/bin/
COPY shared ./shared
COPY worker ./worker
# What Node compiles is kept for every start of the worker's user: what is loaded at once, for which the program without any setting will do, and the rest.
ENV NODE_COMPILE_CACHE=/app/compiled
RUN install -d -o sidepocket compiled
USER sidepocket
RUN node worker/main.ts 2> /dev/null; \
    node --input-type=module --eval "await Promise.all(['agent/claude/agent', 'production-deps', 'worker', 'processors', 'process/http', 'process/chores', 'moving/arriving', 'moving/leaving', 'agent/homes/moving-in', 'snapshots/snapshots', 'snapshots/listener', 'media/speaker', 'media/transcriber', 'people/read-number', 'people/qr-picture', '../shared/twilio/sdk'].map((name) => import('/app/worker/' + name + '.ts')))"
USER root
VOLUME /data
EXPOSE 8081
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["sh", "-c", "curl --fail --silent --max-time 4 http://127.0.0.1:${PORT:-8081}/health"]
CMD ["vm.sh"]

FROM redis:7-bookworm AS redis
COPY docker/redis.sh /usr/local/bin/
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["sh", "-c", "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli ping | grep -q PONG"]
ENTRYPOINT []
CMD ["redis.sh"]
