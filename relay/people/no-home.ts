import type { Notices } from '../../shared/delivery/notices.ts';
import type { TellOwner } from '../../shared/store/owner.ts';
import { dayOf } from '../../shared/store/money/spend.ts';

/** Notifies a person that no home can take, once a day, and the owner. Never throws. */
export type TellNoHome = (conversation: string) => void;

/** The notice to the owner. */
function noHomeWords(conversation: string): string {
  return `${conversation} has written for the first time, and every computer has all the people that it takes. Please add a computer, or raise HOME_PEOPLE on one.`;
}

export function createTellNoHome(notices: Notices, tellOwner: TellOwner): TellNoHome {
  return (conversation) => {
    void notices(
      `no-home.${conversation}.${dayOf(Date.now())}`,
      conversation,
      'There is no computer free for you yet. I have told the owner; please write again later.',
    );
    void tellOwner('no-home', noHomeWords(conversation));
  };
}
