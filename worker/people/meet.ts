import { cut } from '../../shared/runtime/cut.ts';
import { isInvited } from '../../shared/store/allowed.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Person } from '../../shared/store/people.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { loadNumbers } from './lazy-modules.ts';
import type { TurnContext } from '../turn/context.ts';

/**
 * Notes the name of the person whose messages wait, and greets an invited person once, before the
 * answer to their first message. The person is looked up unless `known` from just now. Returns
 * their id.
 */
export async function meetPerson(
  { people, outbox }: Pick<Stores, 'people' | 'outbox'>,
  { conversation, turn, fence }: Pick<TurnContext, 'conversation' | 'turn' | 'fence'>,
  messages: Message[],
  known?: Person,
): Promise<string> {
  const person = known ?? (await people.of(conversation));
  const profile = messages.findLast(({ profileName }) => profileName !== undefined)?.profileName;
  const name = nameFrom(profile ?? '');
  if (name !== '' && name !== person.name) await people.note(person.id, { name });
  if (person.greeted !== undefined || !isInvited(person.allowed)) return person.id;
  const inviter = /, invited by ([^\s,]+)/.exec(person.allowed ?? '')?.[1] ?? '';
  const host = await people.find(inviter);
  const number = (await loadNumbers()).showNumber(inviter);
  const text = welcomeWords(host?.name === undefined ? number : `${host.name} (${number})`);
  await outbox.put([{ id: `welcome.${person.id}`, conversation, turn, text }], fence);
  await people.note(person.id, { greeted: new Date().toISOString() });
  return person.id;
}

/** The longest name that is kept (UTF-16 units); WhatsApp's has at most 25 letters. */
const longestName = 60;

/**
 * A person's name as others are shown it. They choose it themselves: it must not turn the line that
 * it stands in around, begin another one, or mark it up. '' when nothing is left.
 */
export function nameFrom(profileName: string): string {
  return cut(profileName.replaceAll(/[[\p{Cf}--[\u{200C}\u{200D}]]*~`]/gv, ''), longestName);
}

/** The first words to an invited person. `owner` is who has invited them. */
export function welcomeWords(owner: string): string {
  return `Welcome! I am Sidepocket: Claude on a computer that works for you, here in WhatsApp. Text me what you want done, as you would to a colleague; “/help” says more.\n\n${owner} has invited you. The computer is theirs: they can read along, and they pay for what I do for you.`;
}
