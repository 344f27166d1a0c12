import type { Intake, Sender, Stored } from '../../shared/store/boxes/intake.ts';
import type { Message } from '../../shared/store/message.ts';
import type { People } from '../people/people.ts';

/**
 * What became of a message, and the message as it was stored: its conversation may be another than
 * was thought.
 */
export type Reception = Stored & { message: Message };

/**
 * Takes a person's message into the conversation of the person: in one trip to Redis, or in two
 * when Redis knows better than this process which conversation that is. Throws when Redis did not
 * take it. What Redis refuses although this process lets the sender in is tried once more after
 * `publish`: Redis may not know of them yet.
 */
export type Receive = (message: Message, sender: Sender) => Promise<Reception>;

export function createReceive(
  accept: Intake,
  people: People,
  publish: () => Promise<unknown>,
): Receive {
  return async (message, sender) => {
    let present = sender;
    let published = sender.missed;
    // Once more at most, unless it is changed in between.
    for (let trip = 1; trip <= 4; trip += 1) {
      const own = { ...message, conversation: present.conversation };
      const acceptance = await accept(own, present);
      if (acceptance.outcome === 'refused') {
        if (published) return { ...acceptance, message: own };
        published = true;
        await publish();
        continue;
      }
      if (acceptance.outcome !== 'elsewhere') {
        people.note(present);
        return { ...acceptance, message: own };
      }
      present = people.move(present, acceptance.conversation);
    }
    throw new Error('the conversation of a sender changes all the time');
  };
}
