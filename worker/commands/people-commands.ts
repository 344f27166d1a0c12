import { setAsideWords } from '../../shared/store/boxes/set-aside.ts';
import type { SetAsideCounts } from '../../shared/store/boxes/set-aside.ts';
import type { Command } from './command.ts';

const isNothing = ({ messages, replies, schedules }: SetAsideCounts): boolean =>
  messages + replies + schedules === 0;

/**
 * The owner's decisions about people who came back. Not listed in the help, because the owner is
 * asked when there is something to decide.
 */
export const peopleCommands: Command[] = [
  {
    pattern: /^\/people\s+(.+)$/is,
    anytime: true,
    async run({ stores: { allowed, setAside } }, { message, argument }) {
      if ((await allowed.owner()) !== message.conversation)
        return 'Only the owner can decide that.';
      const [, what, address] = /^(do|drop)\s+(\S+)$/i.exec(argument) ?? [];
      if (what === undefined || address === undefined)
        return 'Text “/people do NUMBER” or “/people drop NUMBER” about what is set aside.';
      if (isNothing(await setAside.counts(address)))
        return `Nothing of ${address} is set aside any more.`;
      if (what.toLowerCase() === 'drop')
        return `Dropped: ${setAsideWords(await setAside.drop(address))} of ${address}.`;
      if (!(await allowed.has(address)))
        return `${address} may not write. Add it to ALLOWED_SENDERS first.`;
      return `Going on with ${setAsideWords(await setAside.bringBack(address))} of ${address}.`;
    },
  },
];
