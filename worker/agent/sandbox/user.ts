import { SetupError } from '../../../shared/runtime/errors.ts';

/**
 * The user of the agent's processes: different from the worker's, so that they cannot reach the
 * worker's secrets.
 */
export type AgentUser = {
  name: string;
  uid: number;
  gid: number;
  /** Has no account: the worker picked the id. */
  isPicked?: boolean;
  /**
   * A supplementary group for a command of the agent. It belongs to nothing else, all descendants
   * inherit it, none can drop it without the right to set groups, and `/proc/PID/status` shows it:
   * it identifies the processes of a worker or of one session.
   */
  group?: number;
  /**
   * Where one of our programs or files lies for this user, which may not enter every directory that
   * the worker may.
   */
  programAt?: (file: string) => string;
};

/**
 * The user that the agent runs as; without one it runs as the worker itself, and `because` gives
 * the reason as a clause. With `mayPick` no user was named, and the worker may use any id.
 */
export type AgentUserChoice =
  | { user: AgentUser; because?: undefined }
  | { user: undefined; because: string; mayPick?: boolean };

/** The inputs of the choice. */
export type UserFacts = {
  /** The content of `/etc/passwd`. */
  passwd: string;
  /** The content of this process's `/proc/self/status`; empty where that file is missing. */
  status: string;
  /** This process's own user. */
  uid: number | undefined;
};

/** The agent's default account. */
export const usualName = 'agent';

/**
 * Capabilities needed to change the user and to end another user's processes, by number
 * (`linux/capability.h`).
 */
const needed = { kill: 5, setgid: 6, setuid: 7 };

/**
 * Chooses the agent's user: the one named by `wanted`, else “agent” if that exists and this process
 * may switch users. A wanted user that is not available is a SetupError, since the owner relies on
 * it; naming the worker's own user means “none”.
 */
export function chooseAgentUser(
  wanted: string | undefined,
  { passwd, status, uid }: UserFacts,
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
    throw new SetupError(`The environment is not valid:\n  AGENT_USER: ${because}`);
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

/** The effective capabilities, as a bit set. */
function readCapabilities(status: string): bigint {
  const hexadecimal = /^CapEff:\s*([0-9a-fA-F]+)$/m.exec(status)?.[1];
  return hexadecimal ? BigInt(`0x${hexadecimal}`) : 0n;
}

/** A command, with its working directory if that differs from this process's own. */
export type Command = { command: string; args: string[]; cwd?: string | undefined };

/**
 * Wraps a command to run as the agent's user: without groups except its own and its marker, without
 * capabilities, and with no way to gain any (`setpriv`, of util-linux). The agent enters the
 * directory, since the worker may not be allowed to. Without a user the command stays unchanged.
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
