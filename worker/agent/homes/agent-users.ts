import type { AgentUser } from '../sandbox/user.ts';
import type { UserBlock } from './user-block.ts';

/** The users of the agent's processes where the worker may switch users. */
export type AgentUsers = {
  /** The account or the id that an earlier version used for everything: the first person's. */
  first: AgentUser;
  /** The ids of the people; undefined where they share the first user. */
  block: UserBlock | undefined;
  /** Whether this user's processes are the agent's. */
  has(uid: number): boolean;
  /** The user with this id, as `first` is equipped. */
  at(uid: number): AgentUser;
  /**
   * A user that owns nothing, for a process that reads foreign bytes: another one for each `index`
   * below `mostReaders`. Where people share a user, that one.
   */
  reader(index: number): AgentUser;
};

/** How many ids at the end of a block are kept for readers. */
const mostReaders = 16;

/** Creates the users; `first` brings the group and the program paths of all of them. */
export function createAgentUsers(first: AgentUser, block: UserBlock | undefined): AgentUsers {
  const at = (uid: number): AgentUser =>
    uid === first.uid ? first : { ...first, name: String(uid), uid, gid: uid, isPicked: true };
  return {
    first,
    block,
    at,
    has: (uid) =>
      uid === first.uid ||
      (block !== undefined && uid >= block.first && uid < block.first + block.count),
    reader: (index) => (block ? at(block.first + block.count - 1 - (index % mostReaders)) : first),
  };
}

/** The ids that people get, in order; the first user comes first. */
export function* peopleUids({ first, block }: AgentUsers): Generator<number> {
  yield first.uid;
  if (!block) return;
  const end = block.first + block.count - mostReaders;
  for (let uid = block.first; uid < end; uid += 1) if (uid !== first.uid) yield uid;
}
