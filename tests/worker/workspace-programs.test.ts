import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { projectHooks, readHookResult } from '../../worker/agent/workspace/project-hooks.ts';
import { digestOf, readWorkspacePrograms } from '../../worker/agent/workspace/programs.ts';
import { lockSession, secretVariablesOf } from '../../worker/agent/sandbox/session-locks.ts';
import type { WorkspaceFinds } from '../../worker/agent/workspace/programs.ts';

const read = (files: { mcp?: unknown; settings?: unknown; local?: unknown }): WorkspaceFinds =>
  readWorkspacePrograms({
    mcp: asText(files.mcp),
    settings: asText(files.settings),
    local: asText(files.local),
  });
const asText = (value: unknown): string | undefined =>
  value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
const hook = (command: unknown, rest: object = {}) => ({
  hooks: [{ type: 'command', command, ...rest }],
});

test('what would run is found and shown whole, by name', () => {
  const { programs, off } = read({
    mcp: {
      mcpServers: {
        notes: {
          command: 'node',
          args: ['tools/notes server.js', '--all'],
          env: { LD_PRELOAD: './x.so' },
        },
        far: { type: 'http', url: 'https://example.org/mcp', headers: { A: 'b' } },
      },
    },
    settings: {
      hooks: {
        SessionStart: [hook('bash scripts/start.sh'), { ...hook('echo "$X"'), matcher: 'resume' }],
      },
      env: { COLOUR: 'blue' },
    },
    local: { env: { SIZE: '3' } },
  });
  expect(off).toEqual([]);
  expect(programs.map(({ name, shown }) => [name, shown])).toEqual([
    ['MCP server “notes”', "node 'tools/notes server.js' --all\nLD_PRELOAD=./x.so"],
    ['MCP server “far”', 'https://example.org/mcp\nA: b'],
    ['hook for SessionStart', 'bash scripts/start.sh'],
    ['hook for SessionStart (resume)', 'echo "$X"'],
    ['variables for commands', 'COLOUR=blue\nSIZE=3'],
  ]);
  expect(programs[2]?.files).toContainEqual({ word: 'scripts/start.sh', runs: true });
});

test('a digest changes with each letter of what would run, and with the content of its files', () => {
  const [one] = read({ settings: { hooks: { Stop: [hook('a')] } } }).programs;
  const others = [
    { Stop: [hook('a ')] },
    { Stop: [{ ...hook('a'), matcher: 'x' }] },
    { PreToolUse: [hook('a')] },
  ].map((hooks) => read({ settings: { hooks } }).programs[0]);
  const digests = [
    digestOf(present(one), []),
    digestOf(present(one), ['x']),
    ...others.map((program) => digestOf(present(program), [])),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  expect(
    digestOf(present(read({ settings: { hooks: { Stop: [hook('a')] } } }).programs[0]), []),
  ).toBe(digests[0]);
});

test('whatever redirects the model, runs a helper, brings plugins, or cannot be shown stays off with a sentence', () => {
  const helpers = [
    'apiKeyHelper',
    'proxyAuthHelper',
    'awsAuthRefresh',
    'awsCredentialExport',
    'gcpAuthRefresh',
    'otelHeadersHelper',
    'policyHelper',
    'processWrapper',
    'statusLine',
    'subagentStatusLine',
    'fileSuggestion',
  ];
  for (const key of helpers)
    expect(read({ settings: { [key]: 'touch x' } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining(`“${key}”`)],
    });
  for (const key of ['enabledPlugins', 'extraKnownMarketplaces', 'additionalMarketplaces'])
    expect(read({ local: { [key]: { x: true } } }).off).toHaveLength(1);
  const names = [
    'ANTHROPIC_BASE_URL',
    'anthropic_api_key',
    'CLAUDE_CONFIG_DIR',
    'CLAUDE_CODE_USE_BEDROCK',
    'PATH',
    'HOME',
    'TMPDIR',
    'HTTPS_PROXY',
    'all_proxy',
    'NO_PROXY',
    'npm_config_https_proxy',
    'NODE_EXTRA_CA_CERTS',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'SSL_CERT_FILE',
    'AWS_PROFILE',
    'IS_SANDBOX',
    'SIDEPOCKET_AGENT',
    'GITHUB_TOKEN',
    'GIT_CONFIG_GLOBAL',
    'DISABLE_AUTOUPDATER',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
  ];
  for (const name of names)
    expect(read({ settings: { env: { [name]: 'x' } } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining(name)],
    });
  expect(
    read({ settings: { env: { LD_PRELOAD: 'x', NODE_OPTIONS: 'y', BASH_ENV: 'z' } } }).programs[0]
      ?.shown,
  ).toBe('BASH_ENV=z\nLD_PRELOAD=x\nNODE_OPTIONS=y');
  for (const id of ['whatsapp', 'Playwright', 'whatsapp__x', 'a b', '', 'ä', 'x'.repeat(61)])
    expect(read({ mcp: { mcpServers: { [id]: { command: 'x' } } } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining('another name')],
    });
  for (const entry of [
    { command: 'x', headersHelper: 'y' },
    { type: 'ws', url: 'ws://x' },
    { type: 'http', url: 'file:///x' },
    { type: 'http', url: 'https://x', headersHelper: 'touch y' },
    {},
    null,
    'x',
    [],
  ]) {
    expect(read({ mcp: { mcpServers: { x: entry } } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining('“x”')],
    });
  }
  const unusual = [
    hook('x', { async: true }),
    hook('x', { if: 'Bash(y)' }),
    hook('x', { args: ['y'] }),
    hook('x', { once: true }),
    hook('x', { shell: 'bash' }),
    { hooks: [{ type: 'http', url: 'https://x' }] },
    { hooks: [{ type: 'prompt', prompt: 'x' }] },
    hook(3),
    hook(''),
    'x',
    null,
  ];
  for (const entry of unusual)
    expect(read({ settings: { hooks: { Stop: [entry] } } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining('Stop')],
    });
  expect(read({ settings: { hooks: { PermissionRequest: [hook('x')] } } })).toMatchObject({
    programs: [],
    off: [expect.stringContaining('PermissionRequest')],
  });
  for (const hidden of ['a\u202eb', 'a\u0000b', 'a\u200bb', 'a\rb', 'a\u001b[2Jb'])
    expect(read({ settings: { hooks: { Stop: [hook(hidden)] } } })).toMatchObject({
      programs: [],
      off: [expect.stringContaining('cannot be seen')],
    });
  expect(read({ settings: { hooks: { Stop: [hook('x'.repeat(4001))] } } }).off[0]).toContain(
    'too long',
  );
  expect(
    read({
      settings: { hooks: { Stop: Array.from({ length: 50 }, (_, index) => hook(`x${index}`)) } },
    }).programs,
  ).toHaveLength(40);
});

test('the time of reading grows with the text, whatever it says', () => {
  for (const command of [
    'cd a '.repeat(799),
    Array.from({ length: 500 }, (_, index) => `cd d${index}`).join(' '),
    '"'.repeat(3999),
    "cd 'a".repeat(700),
    '$CLAUDE_PROJECT_DIR'.repeat(200),
  ]) {
    const settings = { hooks: { Stop: Array.from({ length: 60 }, () => hook(command)) } };
    const begun = process.cpuUsage();
    read({ settings, local: settings });
    // 480 kB; a machine under load counts no more of it.
    expect(process.cpuUsage(begun).user).toBeLessThan(2_000_000);
  }
  expect(
    read({
      settings: {
        hooks: { Stop: [hook(Array.from({ length: 500 }, (_, index) => `f${index}`).join(' '))] },
      },
    }).off[0],
  ).toContain('too many files');
});

test('no text breaks the reading, and only rules that forbid or ask are taken', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '3',
    '{"hooks":[],"env":[],"permissions":3,"mcpServers":[]}',
    '{"__proto__":{"env":{"A":"b"}}}',
    '{"hooks":{"Stop":{}}}',
    deep,
    `{"env":{"A":${deep}}}`,
  ]) {
    expect(read({ mcp: text, settings: text, local: text }).programs).toEqual([]);
  }
  const permissions = {
    allow: ['Bash', 'Read(//etc/**)'],
    deny: ['Read(./.env)', 'Bash(rm *)', 3, 'x'.repeat(600), 'not a rule!', 'Edit(/secret)'],
    ask: ['WebFetch'],
    defaultMode: 'bypassPermissions',
    additionalDirectories: ['/'],
  };
  expect(read({ settings: { permissions } })).toEqual({
    programs: [],
    off: [],
    rules: { deny: ['Read(./.env)', 'Bash(rm *)', 'Edit(/secret)'], ask: ['WebFetch'] },
  });
});

test('a hook can forbid, tell and end, by Claude Code’s protocol, and can allow nothing', () => {
  const result = (event: Parameters<typeof readHookResult>[0], output: unknown, code = 0) =>
    readHookResult(event, 'The hook', {
      code,
      output: typeof output === 'string' ? output : JSON.stringify(output),
      said: code === 0 ? '' : 'why',
    });
  expect(result('PreToolUse', '', 2)).toEqual({
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: 'deny',
      permissionDecisionReason: 'The hook stopped this: why',
    },
  });
  for (const event of ['UserPromptSubmit', 'Stop', 'PostToolUse', 'SubagentStop'] as const)
    expect(result(event, '', 2)).toEqual({
      decision: 'block',
      reason: 'The hook stopped this: why',
    });
  expect(result('PreToolUse', '', 1)).toEqual({
    systemMessage: 'The hook failed with code 1: why',
  });
  expect(result('UserPromptSubmit', 'the tests are red')).toEqual({
    hookSpecificOutput: {
      hookEventName: 'UserPromptSubmit',
      additionalContext: 'the tests are red',
    },
  });
  expect(result('PreToolUse', 'some words')).toEqual({});
  expect(result('Stop', { decision: 'block', reason: 'not yet' })).toEqual({
    decision: 'block',
    reason: 'The hook stopped this: not yet',
  });
  expect(result('Stop', { continue: false, stopReason: 'enough' })).toEqual({
    continue: false,
    stopReason: 'The hook stopped this: enough',
  });
  const allowing = [
    { decision: 'approve' },
    {
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'allow',
        updatedInput: { command: 'rm -rf /' },
      },
    },
    {
      hookSpecificOutput: {
        hookEventName: 'PermissionRequest',
        decision: { behavior: 'allow', updatedPermissions: [] },
      },
    },
  ];
  for (const output of allowing) expect(result('PreToolUse', output)).toEqual({});
  expect(result('PreToolUse', '{"not json')).toEqual({});
});

test('variables that load code reach a hook’s command, and not what gives the worker’s rights up before it', async () => {
  const place = await mkdtemp(path.join(tmpdir(), 'sidepocket-hook-'));
  try {
    // Stands where the worker still has its rights, and notes what it is given.
    const setpriv = path.join(place, 'setpriv');
    const dropping = `#!/bin/sh\nenv > ${place}/given\nuntil [ "$1" = -- ]; do shift; done\nshift\nexec "$@"\n`;
    await writeFile(setpriv, dropping);
    await chmod(setpriv, 0o755);
    const values = { LD_PRELOAD: '/no/such.so', BASH_ENV: '/no/such', LANG: 'xx', WORD: `a'b$(c)` };
    const settings = {
      hooks: { UserPromptSubmit: [hook('echo "$WORD $LD_PRELOAD $BASH_ENV $LANG"')] },
      env: values,
    };
    const programs = read({ settings }).programs.map((program) => ({ ...program, digest: 'd' }));
    const hooks = projectHooks({
      grants: { programs, rules: { deny: [], ask: [] } },
      workspace: place,
      isResumed: false,
      env: { PATH: `${place}:${process.env['PATH'] ?? ''}`, LANG: 'C' },
      variables: values,
      user: { name: 'x', uid: 4711, gid: 4711 },
      reader: {
        look: async () => ({ programs, rules: { deny: [], ask: [] }, off: [] }),
        digest: async () => 'd',
      },
      tell: () => undefined,
    });
    const [callback] = hooks.UserPromptSubmit?.[0]?.hooks ?? [];
    const about = { session_id: 's', transcript_path: 't', cwd: place, prompt: 'p' };
    const said = await present(callback)(
      { ...about, hook_event_name: 'UserPromptSubmit' },
      undefined,
      { signal: new AbortController().signal },
    );
    expect(JSON.stringify(said)).toContain(`a'b$(c) /no/such.so /no/such C`);
    const given = await readFile(path.join(place, 'given'), 'utf8');
    expect(given).toContain('CLAUDE_PROJECT_DIR=');
    expect(given).not.toMatch(/^(?:LD_PRELOAD|BASH_ENV|WORD)=/m);
  } finally {
    await rm(place, { recursive: true });
  }
});

test('of a project’s variables, those named like a secret are in the environment, the others in the settings, and none changes one of the worker’s', () => {
  const values = { DEPLOY_TOKEN: 't', LD_KEY: 'x', COLOUR: 'blue', LANG: 'xx' };
  const programs = read({ settings: { env: values } }).programs.map((program) => ({
    ...program,
    digest: 'd',
  }));
  const grants = { programs, rules: { deny: [], ask: [] } };
  const { settings } = lockSession({ env: { LANG: 'C' }, root: '/r', grants, workspace: '/w' });
  expect(settings).toMatchObject({ env: { COLOUR: 'blue', LANG: 'C' } });
  expect(JSON.stringify(settings)).not.toContain('TOKEN');
  expect(secretVariablesOf(grants)).toEqual({ DEPLOY_TOKEN: 't' });
});

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('nothing was found');
  return value;
}
