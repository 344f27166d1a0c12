import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { hidesProcesses } from '../worker/agent/sandbox/process-table.ts';
import { readFirst } from '../worker/agent/homes/user-block.ts';
import { judgeRedis } from '../shared/store/redis/redis-check.ts';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/**
 * The stages of the Dockerfile by name: what each is made from, and its instructions with continued
 * lines joined.
 */
function readStages(text: string): Map<string, { from: string; lines: string[] }> {
  const stages = new Map<string, { from: string; lines: string[] }>();
  let lines: string[] = [];
  for (const line of text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.trim())) {
    const [, from, name] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? [];
    if (from && name) stages.set(name, { from, lines: (lines = []) });
    else if (line !== '' && !line.startsWith('#')) lines.push(line.replaceAll(/\s+/g, ' '));
  }
  return stages;
}

const stages = readStages(read('Dockerfile'));
const linesOf = (name: string): string[] => stages.get(name)?.lines ?? [];
/** What is in an image in the end, of the stages that it is made from. */
const wholeOf = (name: string): string[] =>
  stages.has(name) ? [...wholeOf(stages.get(name)?.from ?? ''), ...linesOf(name)] : [];

/**
 * A block of the compose file, by the names of the blocks around it; what is below a name is
 * indented by two more.
 */
function block(text: string, ...names: string[]): string {
  return names.reduce((rest, name, depth) => {
    const indent = '  '.repeat(depth);
    return (
      new RegExp(`^${indent}${name}:(?: &[\\w-]+)?\\n((?:${indent}  .*\\n|[ \\t]*\\n)*)`, 'm').exec(
        rest,
      )?.[1] ?? ''
    );
  }, text);
}

const compose = read('docker-compose.yml');
const environmentOf = (service: string): Record<string, string> =>
  Object.fromEntries(
    [...block(compose, 'services', service, 'environment').matchAll(/^ {6}([A-Z_]+): (.*)$/gm)].map(
      (match) => [match[1] ?? '', match[2] ?? ''],
    ),
  );
/** The variables that a process's configuration names. */
const variablesOf = (config: string): string[] =>
  [...read(config).matchAll(/^ {4}([A-Z][A-Z_]+): v\./gm)].map((match) => match[1] ?? '');

test('the images are made of three base images and nothing else from outside, and of the targets that Fly asks for', () => {
  const names = [...stages.keys()];
  const bases = [...stages.values()]
    .map(({ from }) => from)
    .filter((from) => !names.includes(from));
  expect(new Set(bases)).toEqual(
    new Set(['debian:bookworm-slim', 'node:24-bookworm-slim', 'redis:7-bookworm']),
  );
  expect(names).toEqual(expect.arrayContaining(['relay', 'vm', 'redis', 'simulator']));
  expect(read('Dockerfile')).not.toMatch(/https?:\/\/(?!127\.0\.0\.1)|^ADD |curl .*\|/m);
  for (const name of ['relay', 'vm', 'redis', 'simulator'])
    expect(linesOf(name).filter((line) => line.startsWith('HEALTHCHECK'))).toHaveLength(1);
});

test('the relay is nobody special, and holds neither the worker nor Claude Code', async () => {
  const lines = wholeOf('relay');
  expect(lines).toContain('USER sidepocket');
  expect(lines.filter((line) => line.startsWith('COPY ') && !line.includes('--from'))).toEqual([
    'COPY shared ./shared',
    'COPY relay ./relay',
  ]);
  const [, left = ''] =
    /npm uninstall (?:--\S+ )*([^&]+) &&/.exec(linesOf('relay-packages').join('\n')) ?? [];
  const leftOut = left.trim().split(' ');
  expect(leftOut).toContain('@anthropic-ai/claude-agent-sdk');
  const folders = await Promise.all(
    ['relay', 'shared', 'simulator'].map((folder) =>
      readdir(path.join(root, folder), { recursive: true, withFileTypes: true }),
    ),
  );
  const files = folders
    .flat()
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  const imports = (file: string): string[] =>
    [...read(file).matchAll(/(?:from|import\() ?'([^']+)'/g)].map((match) => match[1] ?? '');
  const missing = files
    .filter((file) => /^(relay|shared)\//.test(file))
    .flatMap((file) =>
      imports(file)
        .filter((name) => leftOut.some((gone) => name === gone || name.startsWith(`${gone}/`)))
        .map((name) => `${file} needs ${name}`),
    );
  expect(missing).toEqual([]);
});

test('what changes with the code comes last, and a .env gets into no image', () => {
  for (const name of ['relay', 'vm', 'simulator']) {
    const copies = wholeOf(name).filter((line) => line.startsWith('COPY '));
    const own = copies.findIndex((line) => !line.includes('--from'));
    expect(copies.slice(own).every((line) => !line.includes('--from'))).toBe(true);
    expect(wholeOf(name).findIndex((line) => line.startsWith('RUN npm'))).toBe(-1);
  }
  const ignored = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(ignored[0]).toBe('*');
  expect(ignored.slice(1).every((line) => /^![\w.-]+$/.test(line))).toBe(true);
  const copied = [...stages.keys()]
    .flatMap(linesOf)
    .filter((line) => /^COPY (?!--from)/.test(line))
    .flatMap((line) => line.split(' ').slice(1, -1));
  for (const name of copied) expect(ignored).toContain(`!${name.split('/')[0]}`);
});

test('the VM gives the agent its tools and a user of its own, and starts the worker with three rights', () => {
  const lines = wholeOf('vm').join('\n');
  for (const tool of [
    'chromium',
    'git',
    'gh',
    'ripgrep',
    'python3',
    'make',
    'g++',
    'jq',
    'curl',
    'openssh-client',
    'procps',
    'util-linux',
    'tini',
  ])
    expect(lines).toContain(` ${tool} `);
  expect(lines).toMatch(/ENV .*AGENT_USER=agent/);
  const start = read('docker/vm.sh');
  expect(start).toContain('rights=+setuid,+setgid,+kill\n');
  for (const set of ['inh', 'ambient', 'bounding'])
    expect(start).toMatch(new RegExp(`"--${set}-(caps|set)=-all,\\$rights"`));
  expect(start).toContain('--reuid sidepocket --regid sidepocket --clear-groups');
  expect(start).toContain('--no-new-privs');
  // What is switched off by hand is switched off here: nothing else says why a warning may be
  // passed over.
  const [, flags = ''] =
    /"worker": "node ((?:--\S+ )*)worker\/main\.ts"/.exec(read('package.json')) ?? [];
  for (const flag of flags.trim().split(' ')) expect(start).toContain(` ${flag} `);
});

test('only the relay’s image says that no other program runs beside it', () => {
  const said = [...stages.keys()].filter((stage) =>
    linesOf(stage).some((line) => line.includes('SIDEPOCKET_ALONE')),
  );
  expect(said).toEqual(['relay']);
});

/** The part of the start script that settles a volume, for a worker and an agent of these names. */
function settleVolume(data: string, worker: string, agent: string): void {
  const [part = ''] = read('docker/vm.sh').split('# Where the worker notes');
  const script = part.replaceAll('sidepocket', worker).replace(/ agent$/m, ` ${agent}`);
  execFileSync('sh', ['-c', script], {
    cwd: root,
    env: { PATH: process.env['PATH'], DATA_DIR: data },
  });
}

test.skipIf(process.getuid?.() !== 0)(
  'a volume is the worker’s, with what an earlier version gave to the agent set aside; no agent can replace or be given the worker’s own',
  async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'sidepocket-volume-'));
    const sealed = path.join(data, 'sealed');
    const key = path.join(sealed, 'key');
    const [worker, agent] = ['daemon', 'games'];
    const uidOf = (file: string): number => statSync(file).uid;
    const sh = (script: string): string =>
      execFileSync('sh', ['-c', script], { cwd: data, encoding: 'utf8' });
    const [own, theirs] = [worker, agent].map((name) => Number(sh(`id -u ${name}`)));
    try {
      await chmod(data, 0o700);
      sh('mkdir -p home/x && touch home/x/y');
      settleVolume(data, worker, agent);
      const people = path.join(data, 'people');
      const aside = path.join(people, '.earlier');
      expect([data, people, `${aside}/home/x/y`, aside, sealed].map(uidOf)).toEqual([
        own,
        own,
        theirs,
        theirs,
        own,
      ]);
      expect([data, people, aside, sealed].map((file) => statSync(file).mode & 0o777)).toEqual([
        0o711, 0o711, 0o700, 0o700,
      ]);
      sh(`printf ours > sealed/key && chown ${worker} sealed/key`);
      settleVolume(data, worker, agent);
      expect(uidOf(key)).toBe(own);
      // A home that root has restored is its person's, and a place for homes that an agent has made
      // while DATA_DIR was its own is not believed.
      sh('mkdir -p people/p-1/x && ln -s ../p-1 people/.users/4711 && chown -h root people');
      settleVolume(data, worker, agent);
      expect([people, `${people}/p-1/x`].map(uidOf)).toEqual([own, 4711]);
      sh(`mv people kept && mkdir -p people/.users && chown -R ${agent} people`);
      settleVolume(data, worker, agent);
      expect(uidOf(people)).toBe(own);
      expect(sh('ls -d people.*')).toMatch(/^people\.\d+$/m);
      // Moved away by the agent: what is in it stays the worker's, and what is planted goes.
      sh(`mv sealed moved && mkdir sealed && printf evil > sealed/key`);
      sh(`chown -R ${agent} sealed`);
      settleVolume(data, worker, agent);
      expect([sealed, `${data}/moved/key`].map(uidOf)).toEqual([own, own]);
      expect(existsSync(key)).toBe(false);
      sh('rm -r sealed && ln -s /etc sealed');
      settleVolume(data, worker, agent);
      expect(lstatSync(sealed).isDirectory()).toBe(true);
      // Restored by root.
      sh('rm -r sealed && mv moved sealed && chown -R root sealed');
      settleVolume(data, worker, agent);
      expect([sealed, key].map(uidOf)).toEqual([own, own]);
    } finally {
      await rm(data, { recursive: true });
    }
  },
);

/** Runs a script where the worker would be, with its rights, after the last step of the start. */
function asWorker(script: string): string {
  const [, end = ''] = read('docker/vm.sh').split('chown sidepocket:sidepocket /run/sidepocket\n');
  const start = end
    .replace(/ tini -s -- node .*/, " sh -c '$SCRIPT'")
    .replaceAll('sidepocket', 'daemon');
  return execFileSync('sh', ['-c', start.replace("'$SCRIPT'", '"$SCRIPT"')], {
    env: { PATH: process.env['PATH'], SCRIPT: script },
    encoding: 'utf8',
  });
}

/** Whether this test may mount something in a place of its own. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return process.platform === 'linux' && process.getuid?.() === 0;
  } catch {
    return false;
  }
}

test.skipIf(!mayMount())(
  'a user does not see with what the commands of another are called, the worker does, and the machine’s own /proc stays',
  () => {
    const before = readFileSync('/proc/mounts', 'utf8');
    const as = (uid: number): string =>
      `setpriv --reuid ${uid} --regid ${uid} --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs --`;
    const count = `sh -c 'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" "\\n" | grep -c "^a-word-of-[4]711$"'`;
    const told = asWorker(
      `${as(4711)} sh -c "sleep 30; :" a-word-of-4711 > /dev/null 2>&1 & sleep 1; ${as(4711)} ${count}; ${as(4712)} ${count}; ${count}; kill $!; cat /proc/self/mountinfo`,
    );
    const [own, other, worker, ...mountinfo] = told.split('\n');
    expect({ own, other, worker }).toEqual({ own: '1', other: '0', worker: '1' });
    expect(hidesProcesses(mountinfo.join('\n'))).toBe(true);
    expect(hidesProcesses(readFileSync('/proc/self/mountinfo', 'utf8'))).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).toBe(before);
  },
);

/** Whether this test may set packet rules in a network of its own. */
function maySetRules(): boolean {
  try {
    execFileSync('unshare', ['--mount', '--net', 'nft', 'list', 'tables'], { stdio: 'ignore' });
    return process.platform === 'linux' && process.getuid?.() === 0;
  } catch {
    return false;
  }
}

test.skipIf(!maySetRules())(
  'on the machine’s own addresses a person’s server answers the same person only, and the worker’s everybody; a person’s number has an account (not here without root and nft)',
  async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'sidepocket-apart-'));
    try {
      const node = [process.execPath, path.join(root, 'tests', 'support', 'apart-main.ts'), data];
      const { stdout } = await run('unshare', ['--mount', '--net', '--', ...node]);
      const { first, reached, hasMultipath, isRepeated, accounts, known } = JSON.parse(stdout);
      const worker = '4003/127.0.0.1';
      expect(reached).toEqual({
        first: [worker],
        second: ['4001/127.0.0.1', '4001/127.0.0.2', worker],
        last: [worker],
        agent: ['4002/::1', worker],
        worker: [worker],
      });
      expect({ isRepeated, hasMultipath }).toEqual({ isRepeated: true, hasMultipath: false });
      const homeOf = (uid: number): string => `${data}/people/.users/${uid}/home`;
      expect(accounts).toHaveLength(1025);
      expect(accounts).toContain(
        `${first}:x:${first}:${first}:a person of Sidepocket:${homeOf(first)}:/bin/bash`,
      );
      expect(accounts[0]).toMatch(/^games:x:5:60:games:.*\/people\/.users\/5\/home:/);
      // The numbers that the worker uses.
      expect(readFirst(path.join(data, 'people'))).toBe(first);
      expect(known).toBe(`${homeOf(first + 1)}/.ssh/known_hosts`);
    } finally {
      await rm(data, { recursive: true });
    }
  },
);

test('compose gives each process every variable that it reads, and none of the other’s', () => {
  const [relay, vm] = [environmentOf('relay'), environmentOf('vm')];
  // What the image or this file decides, and what only a VM that sleeps needs.
  const given = new Set([
    'HOST',
    'AGENT_USER',
    'DATA_DIR',
    'IMAGES_DIR',
    'CHROMIUM_PATH',
    'FLY_MACHINE_ID',
    'IDLE_MINUTES',
    'VM_USD_PER_HOUR',
  ]);
  expect(Object.keys(relay).toSorted()).toEqual(
    variablesOf('relay/config.ts')
      .filter((name) => !given.has(name))
      .toSorted(),
  );
  expect(Object.keys(vm).toSorted()).toEqual(
    variablesOf('worker/config.ts')
      .filter((name) => !given.has(name))
      .toSorted(),
  );
  for (const service of [relay, vm])
    for (const [name, value] of Object.entries(service))
      expect([name, value]).toEqual([
        name,
        expect.stringMatching(
          /^(\d+|vm|redis:\/\/default:\$\{REDIS_PASSWORD\}@redis:6379|\$\{[A-Z_]+(:-[\w]*|:\?[\w .]+)\})$/,
        ),
      ]);
  expect(
    Object.entries({ ...relay, ...vm }).filter(
      ([name, value]) => value.startsWith('${') && !value.slice(2).startsWith(name),
    ),
  ).toEqual([]);
});

test('compose publishes the relay alone, and on this machine only; each service starts again and has the rights it needs', () => {
  const service = (name: string): string => block(compose, 'services', name);
  for (const name of ['redis', 'vm']) expect(service(name)).not.toContain('ports:');
  expect(service('relay')).toContain('- ${RELAY_ADDRESS:-127.0.0.1:8080}:8080');
  for (const name of ['redis', 'relay', 'vm'])
    expect(service(name)).toContain('restart: unless-stopped');
  expect(service('simulator')).toContain('profiles: [try]');
  expect(service('relay')).toMatch(/cap_drop: \[ALL\]\n(?!.*cap_add)/);
  expect(service('vm')).toContain(
    'cap_drop: [ALL]\n    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETPCAP, SETUID]',
  );
  expect(service('redis')).toContain('${REDIS_PASSWORD:?');
});

test('in compose the VM shares no network with the relay, Redis leads nowhere, and what both need of the simulator is in the networks of both', () => {
  const networksOf = (service: string): string[] => {
    const listed = /^ {4}networks: \[(.*)\]$/m.exec(block(compose, 'services', service))?.[1];
    return (
      listed?.split(', ') ??
      [...block(compose, 'services', service, 'networks').matchAll(/^ {6}([\w-]+):/gm)].map(
        (match) => match[1] ?? '',
      )
    );
  };
  const [redis, relay, vm, second, simulator] = [
    'redis',
    'relay',
    'vm',
    'second-vm',
    'simulator',
  ].map(networksOf);
  expect(relay?.filter((name) => vm?.includes(name))).toEqual([]);
  expect(second?.filter((name) => [relay, vm].flat().includes(name))).toEqual([]);
  expect(redis).toEqual(['relay-redis', 'vm-redis', 'second-vm-redis']);
  for (const name of redis ?? [])
    expect(block(compose, 'networks')).toContain(`  ${name}: { internal: true }`);
  for (const part of [relay, vm, second]) {
    expect(part?.filter((name) => redis?.includes(name))).toHaveLength(1);
    expect(
      part?.filter((name) => !redis?.includes(name) && simulator?.includes(name)),
    ).toHaveLength(1);
  }
  // Both reach it by the name that their addresses have.
  for (const name of ['front', 'internet', 'second-internet'])
    expect(block(compose, 'services', 'simulator', 'networks')).toContain(
      `${name}: { aliases: [twilio.simulator.localhost] }`,
    );
});

test('in compose a second VM is as the first one, with a home, a disk and keys of its own, and only when it is asked for', () => {
  const second = block(compose, 'services', 'second-vm');
  expect(compose).toMatch(/^ {2}vm: &vm\n/m);
  expect(block(compose, 'services', 'vm')).toContain('    environment: &vm-environment\n');
  expect(second).toMatch(/^ {4}<<: \*vm\n {4}profiles: \[second\]\n/);
  expect(second).toContain('    environment:\n      <<: *vm-environment\n');
  expect(environmentOf('second-vm')).toEqual({
    WORKER_ID: 'second',
    HOME_NAME: '${SECOND_HOME_NAME:-second}',
    ...Object.fromEntries(
      ['HOME_PEOPLE', 'WAKE_ADDRESS', 'WAKE_SECRET', 'GITHUB_TOKEN'].map((name) => [
        name,
        `\${SECOND_${name}:-}`,
      ]),
    ),
  });
  expect(block(compose, 'services', 'vm')).toContain('    volumes:\n      - data:/data\n');
  expect(second).toContain('    volumes:\n      - second-data:/data\n');
  expect(block(compose, 'volumes')).toContain('  second-data:\n');
});

/** Runs docker/redis.sh with an entry point that only shows what it is given. */
async function startRedisScript(environment: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-docker-'));
  try {
    await writeFile(path.join(dir, 'docker-entrypoint.sh'), '#!/bin/sh\necho "$@"\ncat\n');
    await chmod(path.join(dir, 'docker-entrypoint.sh'), 0o755);
    return (
      await run('sh', [path.join(root, 'docker', 'redis.sh')], {
        env: { PATH: `${dir}:${process.env['PATH']}`, ...environment },
      })
    ).stdout;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('Redis gets its password and its rules by its standard input, and not without a password', async () => {
  const [command, ...lines] = (await startRedisScript({ REDIS_PASSWORD: 'a-Secret_1.2~3' }))
    .trim()
    .split('\n');
  expect(command).toBe('redis-server -');
  const settings = new Map(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(' ')),
      line.slice(line.indexOf(' ') + 1),
    ]),
  );
  expect(Object.fromEntries(settings)).toEqual({
    bind: '* -::*',
    'protected-mode': 'yes',
    requirepass: 'a-Secret_1.2~3',
    dir: '/data',
    appendonly: 'yes',
    appendfsync: 'always',
    save: '""',
    maxmemory: '180mb',
    'maxmemory-policy': 'noeviction',
  });
  expect(
    judgeRedis(`maxmemory_policy:${settings.get('maxmemory-policy')}\r\naof_enabled:1`),
  ).toEqual([]);
  await expect(startRedisScript({})).rejects.toThrow('REDIS_PASSWORD');
  await expect(startRedisScript({ REDIS_PASSWORD: 'two\nlines' })).rejects.toThrow(
    'may have letters, digits',
  );
});

test('the try file is a whole configuration with nothing real in it', async () => {
  const values = Object.fromEntries(
    (await readFile(path.join(root, 'docker', 'try.env'), 'utf8'))
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const demanded = [...compose.matchAll(/\$\{([A-Z_]+):\?/g)].map((match) => match[1] ?? '');
  for (const name of demanded) expect(Object.keys(values)).toContain(name);
  const [twilio, model] = [
    new URL(values['TWILIO_API_URL'] ?? ''),
    new URL(values['ANTHROPIC_BASE_URL'] ?? ''),
  ];
  expect(block(compose, 'services', 'simulator')).toContain(`aliases: [${twilio.hostname}]`);
  expect(block(compose, 'services', 'simulator')).toContain(
    `127.0.0.1:${twilio.port}:${twilio.port}`,
  );
  expect(model.hostname).toBe(twilio.hostname);
  // What a message links to opens in a browser on this machine, and no amount counts as money.
  const relay = new URL(values['PUBLIC_URL'] ?? '');
  expect(relay.hostname).toMatch(/\.localhost$/);
  expect(block(compose, 'services', 'relay', 'networks')).toContain(
    `front: { aliases: [${relay.hostname}] }`,
  );
  expect(block(compose, 'services', 'relay')).toContain(`:-127.0.0.1:${relay.port}}:`);
  expect(values['PRETEND_COSTS']).toBe('1');
});

test('every program and module that the Dockerfile runs or loads is there', () => {
  const dockerfile = read('Dockerfile');
  const programs = [...dockerfile.matchAll(/\b(?:relay|worker|simulator)\/[\w/-]+\.ts/g)].map(
    ([file]) => file,
  );
  const [, names = ''] =
    /\[([^\]]+)\]\.map\(\(name\) => import\('\/app\/worker\/'/.exec(dockerfile) ?? [];
  const loaded = [...names.matchAll(/'([^']+)'/g)].map(([, name]) => `worker/${name}.ts`);
  expect(programs).toContain('worker/main.ts');
  expect(loaded.length).toBeGreaterThan(2);
  for (const file of [...programs, ...loaded])
    expect([file, existsSync(path.join(root, file))]).toEqual([file, true]);
});
