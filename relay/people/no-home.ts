import type { Notices } from '../../shared/delivery/notices.ts';
import type { TellOwner } from '../../shared/store/owner.ts';

/**
 * Notifies a person that no home can take, once an hour, and the owner. Never throws. What the
 * person writes is not kept, so they hear it again when they write later.
 */
export type TellNoHome = (conversation: string) => void;

/** The notice to the owner. */
function noHomeWords(conversation: string): string {
  return `${conversation} has written for the first time, and every computer has all the people that it takes. Please add a computer, or raise HOME_PEOPLE on one.`;
}

export function createTellNoHome(
  notices: Notices,
  tellOwner: TellOwner,
  now: () => number = Date.now,
): TellNoHome {
  return (conversation) => {
    void notices(
      `no-home.${conversation}.${hourOf(now())}`,
      conversation,
      'There is no computer free for you yet. I have told the owner; please write again later.',
    );
    void tellOwner('no-home', noHomeWords(conversation));
  };
}

/** A moment's hour (UTC). */
function hourOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 13);
}
