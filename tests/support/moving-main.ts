import { createLog } from '../../shared/runtime/log.ts';
import { createAgentUsers } from '../../worker/agent/homes/agent-users.ts';
import { hasEarlier, ownData, setAside } from '../../worker/agent/homes/earlier-layout.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { moveIn } from '../../worker/agent/homes/moving-in.ts';

/**
 * Moves the files of an earlier version as the start of a worker does: `main.ts DATA_DIR [UID]`.
 * With a user id, this is root and the people have users from there on.
 */
const [dataDir = '', uid] = process.argv.slice(2);
const first = { name: String(uid), uid: Number(uid), gid: Number(uid), isPicked: true };
const users = uid ? createAgentUsers(first, { first: first.uid, count: 64 }) : undefined;
if (users) await ownData(dataDir, first);
else if (hasEarlier(dataDir)) await setAside(dataDir, undefined);
await moveIn({
  homes: createHomes({
    dataDir,
    imagesDir: `${dataDir}/images`,
    users,
    isFirstKept: () => hasEarlier(dataDir),
  }),
  idOf: async (conversation) => `p-${conversation.slice(-1)}`,
  owner: async () => '+15551230001',
  log: createLog('test', 'silent'),
});
