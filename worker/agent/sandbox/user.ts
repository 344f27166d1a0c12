import { SetupError } from '../../../shared/runtime/errors.ts';

/**
 * The user whose processes the agent's are: another than the worker's, so that the worker's secrets
 * are out of their reach.
 */
export type AgentUser = {
  name: string;
  uid: number;
  gid: number;
  /** No account: a number that the worker has picked. */
  isPicked?: boolean;
  /**
   * A supplementary group that a command of the agent's is given. It belongs to nothing else, every
   * descendant has it, none can put it off without the right to set groups, and `/proc/PID/status`
   * shows it: by it the processes of a worker, or of one session, are known.
   */
  group?: number;
  /**
   * Where a program or a file of ours lies for this user, which may not enter every directory that
   * the worker may.
   */
  programAt?: (file: string) => string;
};

/**
 * Whom the agent runs as; without a user it runs as the worker itself, and `because` says why, as a
 * clause. With `mayPick` nobody was named, and the worker may run it as any number.
 */
export type AgentUserChoice =
  | { user: AgentUser; because?: undefined }
  | { user: undefined; because: string; mayPick?: boolean };

/** What the choice depends on. */
export type Surroundings = {
  /** The content of `/etc/passwd`. */
  passwd: string;
  /** The content of this process's `/proc/self/status`; empty where there is no such file. */
  status: string;
  /** This process's own user. */
  uid: number | undefined;
};

/** The account that the agent has where nobody says otherwise. */
export const usualName = 'agent';

/**
 * Capabilities by their number (`linux/capability.h`) that changing the user and ending another
 * user's processes need.
 */
const needed = { kill: 5, setgid: 6, setuid: 7 };

/**
 * Chooses the agent's user: the one that `wanted` names, else one called “agent” if there is one
 * and this process may switch. A wanted user that cannot be had is a SetupError, since the owner
 * counts on it; the worker's own user is a way to say “none”.
 */
export function chooseAgentUser(
  wanted: string | undefined,
  { passwd, status, uid }: Surroundings,
): AgentUserChoice {
  const name = wanted ?? usualName;
  const user = findUser(passwd, name);
  const maySwitch = isAllowed(status);
  if (!user) {
    const because = `there is no user “${name}” on this machine`;
    return wanted === undefined && maySwitch
      ? { user: undefined, because, mayPick: true }
      : without(wanted, because);
  }
  if (user.uid === uid) return { user: undefined, because: `“${name}” is the worker’s own user` };
  if (user.uid === 0) return without(wanted, 'the agent must not be root');
  if (!maySwitch)
    return without(
      wanted,
      `the worker may not change to the user “${name}” (for that it needs the capabilities ${Object.keys(needed).join(', ')})`,
    );
  return { user };
}

function without(wanted: string | undefined, because: string): AgentUserChoice {
  if (wanted !== undefined)
    throw new SetupError(`The environment is not complete:\n  AGENT_USER: ${because}`);
  return { user: undefined, because };
}

function findUser(passwd: string, name: string): AgentUser | undefined {
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([first]) => first === name);
  const [, , uid = '', gid = ''] = fields ?? [];
  return /^\d+$/.test(uid) && /^\d+$/.test(gid)
    ? { name, uid: Number(uid), gid: Number(gid) }
    : undefined;
}

/** Whether a process with this status may run something as another user and end it. */
function isAllowed(status: string): boolean {
  const capabilities = readCapabilities(status);
  return Object.values(needed).every((bit) => (capabilities >> BigInt(bit)) & 1n);
}

/** The capabilities in force, as a set of bits. */
function readCapabilities(status: string): bigint {
  const hexadecimal = /^CapEff:\s*([0-9a-fA-F]+)$/m.exec(status)?.[1];
  return hexadecimal ? BigInt(`0x${hexadecimal}`) : 0n;
}

/** A command, with the directory it runs in where that is not this process's own. */
export type Command = { command: string; args: string[]; cwd?: string | undefined };

/**
 * The same command, run as the agent's user: without a group but its own and the one by which it is
 * known, without any capability, and with no way to gain one (`setpriv`, of util-linux). The
 * directory is entered by the agent, which the worker may not be allowed to. Without a user the
 * command stays as it is.
 */
export function asAgent(user: AgentUser | undefined, { command, args, cwd }: Command): Command {
  if (!user) return { command, args, cwd };
  const inside = cwd === undefined ? [] : ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', cwd];
  const groups = user.group === undefined ? ['--clear-groups'] : ['--groups', String(user.group)];
  const rights = [
    '--reuid',
    String(user.uid),
    '--regid',
    String(user.gid),
    ...groups,
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
  ];
  const reached = [command, ...args].map((word) => user.programAt?.(word) ?? word);
  return { command: 'setpriv', args: [...rights, '--', ...inside, ...reached], cwd: '/' };
}
