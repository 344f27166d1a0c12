import { reportError } from '../runtime/errors.ts';
import type { ErasedCopies } from '../delivery/messenger.ts';
import { digestIn, haveWords } from './content.ts';
import type { Contents } from './content-cache.ts';

export type CopyEraser = {
  /** The ids of the messages whose copies are erased. */
  sids: readonly string[];
  /** Deletes one at Twilio. Throws as Twilio's SDK does. */
  remove: (sid: string) => Promise<unknown>;
};

/** How many requests run at once. */
const atOnce = 8;

/**
 * Deletes messages at Twilio, each with its files; a missing one counts as deleted
 * (twilio.com/docs/messaging/api/message-resource). What Twilio refuses stays, with its reason.
 */
export async function eraseCopies({ sids, remove }: CopyEraser): Promise<ErasedCopies> {
  const erased: ErasedCopies = { gone: 0, left: 0 };
  const eraseOne = async (sid: string): Promise<void> => {
    try {
      await remove(sid);
    } catch (error) {
      if (!isMissing(error)) {
        erased.left += 1;
        erased.reason = reportError(error).message;
        return;
      }
    }
    erased.gone += 1;
  };
  for (let index = 0; index < sids.length; index += atOnce)
    await Promise.all(sids.slice(index, index + atOnce).map(eraseOne));
  return erased;
}

/** A content in Twilio's list. */
export type ListedContent = {
  sid: string;
  friendlyName: string;
  types: unknown;
  dateCreated: Date;
};

export type ContentEraser = {
  contents: Contents;
  /** The account's contents, of every program. Throws as Twilio's SDK does. */
  list: () => Promise<ListedContent[]>;
  remove: CopyEraser['remove'];
};

/**
 * Deletes what Twilio has of a person: the messages, the contents that were noted for their
 * address, which have words of questions that no variable could hold, and contents with such words
 * that are noted for no address.
 */
export async function erasePerson(
  address: string,
  messages: CopyEraser,
  questions: ContentEraser,
): Promise<ErasedCopies> {
  const { contents, remove } = questions;
  const ofMessages = await eraseCopies(messages);
  const ofContents = await eraseCopies({
    sids: await contents.withWordsTo(address),
    async remove(sid) {
      await remove(sid).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
      await contents.drop(address, sid);
    },
  });
  const ofOthers = await eraseIdleContents(questions);
  const reason = ofMessages.reason ?? ofContents.reason ?? ofOthers.reason;
  return {
    gone: ofMessages.gone + ofContents.gone,
    left: ofMessages.left + ofContents.left + ofOthers.left,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** A content younger than this, or used since, may belong to a message on its way (ms). */
const idleMs = 3600_000;

/**
 * Deletes our contents with words that nothing needs any more. Of contents that an earlier version
 * or a lost store has left, nothing tells whose words they have. A question that would use a
 * deleted one creates it again. An account that may not list contents has none.
 */
async function eraseIdleContents({ contents, list, remove }: ContentEraser): Promise<ErasedCopies> {
  const sids: string[] = [];
  try {
    for (const { sid, friendlyName, types, dateCreated } of await list()) {
      const digest = digestIn(friendlyName);
      if (digest === undefined || !haveWords(types)) continue;
      const isYoung = Date.now() - dateCreated.getTime() < idleMs;
      if (!isYoung && (await contents.dropIdle(digest, sid, idleMs))) sids.push(sid);
    }
  } catch (error) {
    if (isMissing(error) || statusOf(error) === 403) return { gone: 0, left: 0 };
    return { gone: 0, left: 1, reason: reportError(error).message };
  }
  return await eraseCopies({ sids, remove });
}

function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && 'status' in error ? error.status : undefined;
}
