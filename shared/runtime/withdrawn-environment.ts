import { closeSync, existsSync, readFileSync } from 'node:fs';
import type { Environment } from './env.ts';

/**
 * Names that Node, its libraries and the programs around it read from the environment before our
 * code runs, and harmless names. They stay where every process of the same user can read them.
 */
const systemNames = new RegExp(
  String.raw`^(PATH|HOME|PWD|OLDPWD|SHLVL|USER|LOGNAME|SHELL|HOSTNAME|LANG|LANGUAGE|LC_\w+|TZ|TERM|COLORTERM|TMPDIR|TMP|TEMP|_` +
    String.raw`|LD_\w+|MALLOC_\w+|GLIBC_TUNABLES|OPENSSL_\w+|SSL_CERT_\w+|NODE_\w+|NODE|UV_\w+|VIPS_\w+|XDG_\w+|FLY_[A-Z]+(_[A-Z]+)*|SIDEPOCKET_\w+` +
    String.raw`|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|npm_(lifecycle|package|execpath|command)\w*|CI|DEBUG)$`,
);
const secretNames = /TOKEN|SECRET|PASSW|_KEY|APIKEY|AUTH|CREDENTIAL|COOKIE|HEADERS|PRIVATE/i;
/** An address with a user or a password in it. */
const withCredentials = /:\/\/[^/\s@]*@/;
const proxyNames = /^(https?|no)_proxy$/i;

/**
 * The variable that names the source of the others, and the descriptor: one digit, because dash
 * supports no more, and above those that a supervisor passes on.
 */
const marker = 'SIDEPOCKET_ENVIRONMENT_FD';
const descriptor = 9;
const pieceBytes = 64 * 1024;

function isSecret(name: string, value: string): boolean {
  return !proxyNames.test(name) && (secretNames.test(name) || withCredentials.test(value));
}

/**
 * The part of an environment to withdraw: nothing if it has no secret, else all but what has to
 * stay.
 */
export function chooseWithdrawn(environment: Environment): Record<string, string> {
  const present = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  if (!present.some(([name, value]) => isSecret(name, value))) return {};
  return Object.fromEntries(
    present.filter(
      ([name, value]) => name !== marker && (isSecret(name, value) || !systemNames.test(name)),
    ),
  );
}

/**
 * Removes the secrets from `/proc/PID/environ`, which every process of the same user can read.
 * Linux shows the environment at exec time, whatever the program removes later; so the process
 * re-executes itself in place and receives the secrets through a pipe. `environment` is the
 * process's own, and complete afterwards. Call it before anything else; if there is a secret, it
 * does not return the first time. Does nothing on systems other than Linux, or for a process that
 * talks to its parent over Node's IPC channel, which would be lost.
 */
export function withdrawEnvironment(environment: Environment): void {
  if (environment[marker] !== undefined) {
    delete environment[marker];
    Object.assign(environment, JSON.parse(readFileSync(descriptor, 'utf8')));
    closeSync(descriptor);
    return;
  }
  const withdrawn = chooseWithdrawn(environment);
  if (
    Object.keys(withdrawn).length === 0 ||
    process.platform !== 'linux' ||
    process.connected ||
    !process.execve ||
    !existsSync('/bin/sh')
  )
    return;
  startAnew(environment, withdrawn);
}

/**
 * Re-executes by way of a shell, which passes a here-document on as descriptor 9: Node closes all
 * of its own descriptors on exec. A variable is limited to 128 KiB, hence the chunks.
 */
function startAnew(environment: Environment, withdrawn: Record<string, string>): void {
  const text = JSON.stringify(withdrawn).replaceAll(
    /[\u0080-\uFFFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const pieces = Array.from({ length: Math.ceil(text.length / pieceBytes) }, (_, index) =>
    text.slice(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const names = pieces.map((_, index) => `SIDEPOCKET_PIECE_${index}`);
  const kept = Object.fromEntries(
    Object.entries(environment).filter(([name]) => withdrawn[name] === undefined),
  );
  const script = `exec ${descriptor}<<END\n${names.map((name) => `$${name}`).join('')}\nEND\nunset ${names.join(' ')}; ${marker}=${descriptor} exec "$@"`;
  // Node's experimental warning would be the first line of every log.
  process.removeAllListeners('warning');
  process.execve?.(
    '/bin/sh',
    ['sh', '-c', script, 'sh', process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      ...kept,
      ...Object.fromEntries(pieces.map((piece, index) => [names[index] ?? '', piece])),
    },
  );
}
