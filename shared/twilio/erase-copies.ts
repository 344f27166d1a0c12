import { reportError } from '../runtime/errors.ts';
import type { ErasedCopies } from '../delivery/messenger.ts';
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

/**
 * Deletes what Twilio has of a person: the messages, and the contents that were noted for their
 * address, which have words of questions that no variable could hold.
 */
export async function erasePerson(
  address: string,
  messages: CopyEraser,
  { contents, remove }: { contents: Contents; remove: CopyEraser['remove'] },
): Promise<ErasedCopies> {
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
  const reason = ofMessages.reason ?? ofContents.reason;
  return {
    gone: ofMessages.gone + ofContents.gone,
    left: ofMessages.left + ofContents.left,
    ...(reason === undefined ? {} : { reason }),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 404;
}
