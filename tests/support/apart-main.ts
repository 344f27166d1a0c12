import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Runs `worker/agent/homes/people-apart.sh` twice in a place of its own (a new network, its own
 * /etc and /run, which the caller has unshared) with the directory that is its argument, and prints
 * what people's users can do then.
 */
const [data = ''] = process.argv.slice(2);
const root = path.join(import.meta.dirname, '..', '..');
const sh = (script: string): string =>
  execFileSync('sh', ['-ec', script], { cwd: root, encoding: 'utf8' }).trim();

sh(`cp -a /etc ${data}/etc; mount --bind ${data}/etc /etc; mount -t tmpfs tmpfs /run
  ip link set lo up; mkdir ${data}/people; chown -R daemon ${data}/people; chmod 755 ${data}`);
const apart = (): string => sh(`sh worker/agent/homes/people-apart.sh ${data} daemon games`);
apart();
const accounts = readFileSync('/etc/passwd', 'utf8');
apart();

const multipath = '/proc/sys/net/mptcp/enabled';
const first = Number(readFileSync('/run/sidepocket-ports', 'utf8'));
const users = {
  first,
  second: first + 1,
  last: first + 1023,
  agent: Number(sh('id -u games')),
  worker: Number(sh('id -u daemon')),
};
type User = keyof typeof users;

const listening = `require('net').createServer((socket) => socket.end('hello')).listen(...process.argv.slice(1), () => console.log('ready'))`;
const asking = `for (const place of process.argv.slice(1)) require('net').connect(...place.split('/')).on('data', () => console.log(place)).on('error', () => undefined)`;

function start(user: User, script: string, ...args: string[]): ReturnType<typeof spawn> {
  const [uid, gid] = [users[user], users[user]];
  return spawn(process.execPath, ['-e', script, ...args], {
    uid,
    gid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The servers by port: of a person, the first person, the worker. */
const servers = [
  start('second', listening, '4001', '0.0.0.0'),
  start('agent', listening, '4002', '::'),
  start('worker', listening, '4003', '0.0.0.0'),
];
const places = ['4001/127.0.0.1', '4001/127.0.0.2', '4002/::1', '4003/127.0.0.1'];
try {
  await Promise.all(servers.map(async ({ stdout }) => stdout && (await once(stdout, 'data'))));
  const reached: Record<string, string[]> = {};
  for (const user of Object.keys(users) as User[]) {
    const child = start(user, asking, ...places);
    const said = (await child.stdout?.toArray()) ?? [];
    reached[user] = Buffer.concat(said).toString().trim().split('\n').toSorted();
  }
  const ssh = execFileSync('ssh', ['-G', 'somewhere'], {
    uid: users.second,
    gid: users.second,
    encoding: 'utf8',
  });
  process.stdout.write(
    JSON.stringify({
      first,
      reached,
      hasMultipath: existsSync(multipath) && readFileSync(multipath, 'utf8').trim() !== '0',
      isRepeated: readFileSync('/etc/passwd', 'utf8') === accounts,
      accounts: accounts.split('\n').filter((line) => line.includes(data)),
      known: /^userknownhostsfile (\S+)/m.exec(ssh)?.[1],
    }),
  );
} finally {
  for (const server of servers) server.kill('SIGKILL');
}
