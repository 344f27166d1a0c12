import { expect, test } from 'vitest';
import { asAgent, chooseAgentUser } from '../../worker/agent/sandbox/user.ts';

const passwd =
  'root:x:0:0:root:/root:/bin/bash\nagent:x:1002:1003::/home/agent:/bin/sh\nsidepocket:x:1001:1001::/:/bin/false\nodd:x::::\n';
const may = 'Name:\tnode\nCapEff:\t00000000000000e0\n';
const mayNot = 'Name:\tnode\nCapEff:\t0000000000000060\n';

test('the agent is the user that is named, else the one called “agent”, where the worker may switch', () => {
  const agent = { name: 'agent', uid: 1002, gid: 1003 };
  expect(chooseAgentUser(undefined, { passwd, status: may, uid: 1001 })).toEqual({ user: agent });
  expect(
    chooseAgentUser('agent', { passwd, status: 'CapEff:\t000001fffeffffff\n', uid: 0 }),
  ).toEqual({ user: agent });
  expect(chooseAgentUser('sidepocket', { passwd, status: may, uid: 0 })).toEqual({
    user: { name: 'sidepocket', uid: 1001, gid: 1001 },
  });
});

test('where nobody was named and it cannot be, the reason is told', () => {
  const because = 'there is no user “agent” on this machine';
  expect(chooseAgentUser(undefined, { passwd: '', status: may, uid: 0 })).toEqual({
    user: undefined,
    because,
    mayPick: true,
  });
  expect(chooseAgentUser(undefined, { passwd: '', status: mayNot, uid: 0 })).toEqual({
    user: undefined,
    because,
  });
  expect(chooseAgentUser(undefined, { passwd, status: mayNot, uid: 1001 }).because).toMatch(
    /^the worker may not change to the user “agent” .*kill, setgid, setuid/,
  );
  expect(chooseAgentUser(undefined, { passwd, status: '', uid: undefined }).because).toMatch(
    /^the worker may not change/,
  );
  expect(chooseAgentUser('sidepocket', { passwd, status: may, uid: 1001 })).toEqual({
    user: undefined,
    because: '“sidepocket” is the worker’s own user',
  });
});

test.each([
  ['nobody-here', may, 'AGENT_USER: there is no user “nobody-here”'],
  ['agent', mayNot, 'AGENT_USER: the worker may not change'],
  ['root', may, 'AGENT_USER: the agent must not be root'],
  ['odd', may, 'AGENT_USER: there is no user'],
])(
  'a named user %s that cannot be had is a problem of the environment',
  (name, status, problem) => {
    expect(() => chooseAgentUser(name, { passwd, status, uid: 1001 })).toThrow(problem);
  },
);

test('a command is run with no right but the agent’s, in a directory that the agent enters', () => {
  const command = { command: 'claude', args: ['--x', 'a b'], cwd: '/data/workspaces/1' };
  expect(asAgent(undefined, command)).toEqual(command);
  expect(asAgent({ name: 'agent', uid: 1002, gid: 1003 }, command)).toEqual({
    command: 'setpriv',
    args: [
      '--reuid',
      '1002',
      '--regid',
      '1003',
      '--clear-groups',
      '--inh-caps=-all',
      '--ambient-caps=-all',
      '--bounding-set=-all',
      '--no-new-privs',
      '--',
      'sh',
      '-c',
      'cd "$1" && shift && exec "$@"',
      'sh',
      '/data/workspaces/1',
      'claude',
      '--x',
      'a b',
    ],
    cwd: '/',
  });
});
