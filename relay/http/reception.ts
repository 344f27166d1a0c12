import type { Intake, Sender, Stored } from '../../shared/store/boxes/intake.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TellNoHome } from '../people/no-home.ts';
import type { People } from '../people/people.ts';

/**
 * What became of a message, and the message as stored: its conversation may differ from the
 * expected one.
 */
export type Reception = Stored & { message: Message };

/**
 * Stores a person's message in the person's conversation: in one trip to Redis, or in two when
 * Redis knows a more recent conversation for the sender than this process. Throws when Redis did
 * not store it. If Redis refuses a sender that this process allows, `publish` runs and it tries
 * once more: Redis may not know of them yet. It notifies a person that no home can take.
 */
export type Receive = (message: Message, sender: Sender) => Promise<Reception>;

export function createReceive(
  accept: Intake,
  people: People,
  publish: () => Promise<unknown>,
  tellNoHome: TellNoHome,
): Receive {
  return async (message, sender) => {
    let present = sender;
    let published = sender.missed;
    // One retry is enough, unless the conversation changes in between.
    for (let trip = 1; trip <= 4; trip += 1) {
      const own = { ...message, conversation: present.conversation };
      const acceptance = await accept(own, present);
      if (acceptance.outcome === 'refused') {
        if (published) return { ...acceptance, message: own };
        published = true;
        await publish();
        continue;
      }
      if (acceptance.outcome === 'no-home') {
        tellNoHome(own.conversation);
        return { ...acceptance, message: own };
      }
      if (acceptance.outcome !== 'elsewhere') {
        people.note(present);
        return { ...acceptance, message: own };
      }
      present = people.move(present, acceptance.conversation);
    }
    throw new Error('the sender’s conversation keeps changing');
  };
}
