import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseRelayConfig } from '../relay/config.ts';
import { variables } from '../shared/runtime/env.ts';
import { parseWorkerConfig } from '../worker/config.ts';

/**
 * The keys that flyctl's own structs know (fly.io/docs/reference/configuration), as far as they are
 * used here: it passes over any other without a word.
 */
const known = {
  '': 'app primary_region kill_signal kill_timeout swap_size_mb console_command experimental build deploy env processes mounts http_service services checks files host_dedication_id machine_checks restart vm statics metrics',
  build:
    'builder args buildpacks image settings builtin dockerfile ignorefile build-target compression compression_level',
  deploy:
    'strategy max_unavailable wait_timeout release_command release_command_timeout release_command_vm seed_command',
  mounts:
    'source destination initial_size snapshot_retention scheduled_snapshots auto_extend_size_threshold auto_extend_size_increment auto_extend_size_limit processes',
  http_service:
    'internal_port force_https auto_stop_machines auto_start_machines min_machines_running processes concurrency tls_options http_options checks machine_checks',
  'http_service.checks':
    'interval timeout grace_period method path protocol tls_skip_verify tls_server_name headers',
  'checks.redis':
    'port type interval timeout grace_period method path protocol tls_skip_verify tls_server_name headers processes',
  restart: 'policy retries processes',
  vm: 'size memory cpu_kind cpus memory_mb max_memory_mb gpus gpu_kind host_dedication_id persist_rootfs kernel_args processes',
} as const;

const Table = z.record(z.string(), z.unknown());

/**
 * Every key that a table and the tables in it have and flyctl does not know. The names in `env`,
 * `processes` and `checks` are the user's own.
 */
function unknownKeys(table: Record<string, unknown>, section = ''): string[] {
  const allowed = section in known ? known[section as keyof typeof known].split(' ') : undefined;
  return Object.entries(table).flatMap(([key, value]) => {
    const place = section ? `${section}.${key}` : key;
    if (allowed && !allowed.includes(key)) return [place];
    if (place === 'env' || place === 'processes') return [];
    return (Array.isArray(value) ? value : [value]).flatMap((entry) =>
      Table.safeParse(entry).success ? unknownKeys(Table.parse(entry), place) : [],
    );
  });
}

const Fly = z.looseObject({
  app: z.string(),
  kill_signal: z.string(),
  kill_timeout: z.number(),
  build: z.looseObject({ 'build-target': z.string() }),
  env: z.record(z.string(), z.string()).default({}),
  processes: z.record(z.string(), z.string()).default({}),
  http_service: z
    .looseObject({
      internal_port: z.number(),
      force_https: z.boolean(),
      auto_stop_machines: z.string(),
      auto_start_machines: z.boolean(),
      min_machines_running: z.number(),
      checks: z.array(z.looseObject({ path: z.string() })),
    })
    .optional(),
  restart: z.array(z.looseObject({ policy: z.string() })),
  mounts: z.looseObject({ source: z.string(), destination: z.string() }).optional(),
  vm: z.array(z.looseObject({ size: z.string(), memory: z.string() })),
});

const read = (name: string): Record<string, unknown> =>
  Table.parse(
    parse(readFileSync(path.join(import.meta.dirname, '..', `fly.${name}.toml`), 'utf8')),
  );
const files = ['relay', 'vm', 'redis'] as const;
const [relay, vm, redis] = files.map((name) => Fly.parse(read(name)));

test('the reader of keys finds what flyctl would pass over', () => {
  expect(
    unknownKeys({
      app: 'x',
      auto_stop: true,
      build: { target: 'x' },
      vm: [{ size: 'x' }, { cores: 1 }],
      env: { ANY: 'x' },
      checks: { redis: { portt: 1 } },
    }),
  ).toEqual(['auto_stop', 'build.target', 'vm.cores', 'checks.redis.portt']);
});

test.each(files)(
  'fly.%s.toml has only keys that flyctl knows, and builds its own target',
  (name) => {
    expect(unknownKeys(read(name))).toEqual([]);
    const file = Fly.parse(read(name));
    expect(file).toMatchObject({
      build: { dockerfile: 'Dockerfile', 'build-target': name },
      kill_signal: 'SIGTERM',
      app: `sidepocket-${name}`,
    });
    expect(file.kill_timeout).toBeLessThanOrEqual(300);
    // A mistyped variable would be no problem of anybody's until it is missed.
    for (const variable of Object.keys(file.env))
      expect(Object.keys(variables)).toContain(variable);
  },
);

test('the relay is always on, public and small, and its check costs no Redis command', () => {
  expect(relay?.http_service).toMatchObject({
    internal_port: Number(relay?.env['PORT']),
    force_https: true,
    auto_stop_machines: 'off',
    min_machines_running: 1,
  });
  expect(relay?.http_service?.checks.map((check) => check.path)).toEqual(['/health']);
  expect(relay?.vm).toEqual([{ size: 'shared-cpu-1x', memory: '256mb' }]);
  expect(relay?.env['WAKE_URL']).toBe(`http://${vm?.app}.flycast`);
});

test('the VM stops by itself, is started by its address, and is restarted only when it failed', () => {
  expect(vm?.http_service).toMatchObject({
    internal_port: Number(vm?.env['PORT']),
    force_https: false,
    auto_stop_machines: 'off',
    auto_start_machines: true,
    min_machines_running: 0,
  });
  expect(vm?.http_service?.checks.map((check) => check.path)).toEqual(['/health']);
  expect(vm?.restart).toMatchObject([{ policy: 'on-failure' }]);
  expect(vm?.mounts).toMatchObject({ destination: '/data' });
  expect(vm?.vm).toEqual([{ size: 'performance-1x', memory: '4gb' }]);
  expect(vm?.env).toMatchObject({ IDLE_MINUTES: '60', DATA_DIR: '/data' });
  const costs = readFileSync(path.join(import.meta.dirname, '../docs/costs.md'), 'utf8');
  expect(costs).toContain(
    `performance-1x, 4 GB: $41 a month, which is $${vm?.env['VM_USD_PER_HOUR']} an hour`,
  );
  expect(vm?.kill_timeout).toBeGreaterThan(Number(vm?.env['STOP_SECONDS']));
});

test('the months of costs.md follow from its prices, the machines and how long one stays awake', () => {
  const costs = readFileSync(path.join(import.meta.dirname, '../docs/costs.md'), 'utf8');
  // Fly's prices for `iad`, a month: a machine always on, a gigabyte of a volume or a stopped image.
  const [small, gigabyte, hour] = [1.94, 0.15, Number(vm?.env['VM_USD_PER_HOUR'])];
  const gigabytes = (size: unknown): number => Number(/^(\d+)gb$/.exec(String(size))?.[1]);
  const [volume, image] = [gigabytes(vm?.mounts?.initial_size) * gigabyte, 3 * gigabyte];
  const shared = 2 * small + gigabytes(redis?.mounts?.initial_size) * gigabyte;
  const idle = shared + volume + image;
  expect(idle.toFixed(2)).toBe(vm?.env['IDLE_USD_PER_MONTH']);
  const hoursOf = (times: number, minutes: number): number =>
    Math.round((times * (minutes + Number(vm?.env['IDLE_MINUTES']))) / 60);
  const about = (usd: number): string => `about $${(Math.round(usd * 10) / 10).toFixed(2)}`;
  for (const [times, minutes] of [
    [(4 * 52) / 12, 15],
    [30, 20],
    [22, 8 * 60],
  ] as const) {
    const hours = hoursOf(times, minutes);
    const row = [String(hours), `$${(hours * hour).toFixed(2)}`, about(idle + hours * hour)];
    expect(costs.replaceAll(/ +/g, ' ')).toContain(`| ${row.join(' | ')} |`);
  }
  expect(costs).toContain(about(shared + volume + 41));
  const [awake, bucket] = [hoursOf(30, 20) * hour, 2 * 0.02];
  const second = costs.replaceAll(/[ *]+/g, ' ');
  expect(second).toContain(`snapshots in a bucket, 2 GB | $${bucket.toFixed(2)}`);
  const most = (Math.round((awake + bucket) * 10) / 10).toFixed(2);
  expect(second).toContain(`| $0 to $${most} | ${about(awake + volume + image + bucket)} |`);
});

test('Redis has no public address, and keeps its data on its volume', () => {
  expect(redis).not.toHaveProperty('http_service');
  expect(redis).not.toHaveProperty('services');
  // How it is set up is the image's business: docker/redis.sh.
  expect(redis?.processes).toEqual({});
  expect(redis?.mounts?.destination).toBe('/data');
});

test('with the secrets beside it, what the files set is a whole configuration', () => {
  const secrets = {
    PUBLIC_URL: 'https://sidepocket-relay.fly.dev',
    REDIS_URL: `redis://default:secret@${redis?.app}.internal:6379`,
    TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'token',
    TWILIO_WHATSAPP_NUMBER: '+14155238886',
    ALLOWED_SENDERS: '+15551230001',
    ANTHROPIC_API_KEY: 'key',
    WAKE_SECRET: 'secret',
    FLY_MACHINE_ID: '148ed123',
  };
  expect(parseRelayConfig({ ...relay?.env, ...secrets })).toMatchObject({
    PORT: 8080,
    WAKE_URL: 'http://sidepocket-vm.flycast',
  });
  expect(parseWorkerConfig({ ...vm?.env, ...secrets })).toMatchObject({
    PORT: 8081,
    IDLE_MINUTES: 60,
    STOP_SECONDS: 45,
    DATA_DIR: '/data',
    WORKER_ID: '148ed123',
  });
});
