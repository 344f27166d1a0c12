import type { Choices } from '../../shared/store/choices.ts';
import { isInvited } from '../../shared/store/allowed.ts';
import { invitationMs, mostInvitations } from '../../shared/store/people/decisions.ts';
import type { Decided, Decision } from '../../shared/store/people/decisions.ts';
import {
  announceRemoval,
  conversationsOf,
  returnedQuestion,
  setAsideWords,
  sumOf,
} from '../../shared/store/boxes/set-aside.ts';
import { FileStoreFullError, MemoryFullError } from '../../shared/store/files.ts';
import { isSameNumber } from '../../shared/runtime/number-spelling.ts';
import { setAsideSeconds } from '../../shared/store/redis/retention.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';
import { chatLink, passOnWords } from '../people/invitation.ts';
import { ownerCommand } from './owner-only.ts';
import { loadNumbers, loadQr } from '../people/lazy-modules.ts';

const daySeconds = 24 * 3600;
const invitationDays = invitationMs / 1000 / daySeconds;

/** Letting people in and out. A text only asks; nothing is done without a tap of the owner's. */
export const inviteCommands: Command[] = [
  ownerCommand(
    {
      pattern: /^\/invite(?:\s+(.+))?$/is,
      help: { usage: '/invite +49 170 1234567', does: 'lets someone write to me' },
    },
    async (parts, call, owner) =>
      (await answerTap(parts, call, owner, 'invite')) ?? (await askToInvite(parts, call, owner)),
  ),
  ownerCommand(
    {
      pattern: /^\/remove(?:\s+(.+))?$/is,
      help: { usage: '/remove +49 170 1234567', does: 'takes them out again' },
    },
    async (parts, call, owner) =>
      (await answerTap(parts, call, owner, 'remove')) ?? (await askToRemove(parts, call, owner)),
  ),
];

/** The sentence about a text that is not a number. */
export const unreadNumber =
  'I cannot read that as a phone number. Write it with its country, such as +49 170 1234567.';

async function askToInvite(
  { stores: { allowed, people, decisions } }: CommandDeps,
  { argument }: CommandCall,
  owner: string,
): Promise<CommandAnswer> {
  if (argument === '')
    return 'Text “/invite” with the phone number, such as “/invite +49 170 1234567”.';
  const read = (await loadNumbers()).readNumber(argument, owner);
  if (!read) return unreadNumber;
  const { shown, country, isKnown } = read;
  // Of a number's two spellings the one of the conversation stays.
  const before = await people.find(read.address);
  const address =
    before?.conversations.find((name) => isSameNumber(name, read.address)) ?? read.address;
  if (isSameNumber(address, owner)) return 'That is your own number: you may write already.';
  const words = await allowed.words(address);
  if (words?.startsWith('allowed') && !(isInvited(words) && words.includes(' until ')))
    return `${shown} may write already.`;
  const doubt = isKnown ? '' : ' I know no number like this there, so please look twice.';
  return ask(
    await decisions.ask({ kind: 'invite', address }),
    `Shall I let *${shown}* (${country}) write to me?${doubt} What I do for them is paid by you, and you can read along. Tap a button: without that I do nothing.`,
    'invite',
    'Invite',
  );
}

async function askToRemove(
  { stores: { allowed, people, decisions } }: CommandDeps,
  { argument }: CommandCall,
  owner: string,
): Promise<CommandAnswer> {
  if (argument === '')
    return 'Text “/remove” with the phone number, such as “/remove +49 170 1234567”. “/people” lists them.';
  const read = (await loadNumbers()).readNumber(argument, owner);
  if (!read) return unreadNumber;
  const { address, shown, country } = read;
  const person = await people.find(address);
  const names = [address, ...(person?.addresses ?? [])];
  if (names.some((name) => isSameNumber(name, owner)))
    return 'You are the owner, so I cannot remove you. OWNER in the relay’s settings says who that is.';
  const words = await Promise.all(names.map((name) => allowed.words(name)));
  if (!words.some((one) => one?.startsWith('allowed')))
    return `${shown} may not write to me anyway. “/people” lists who may.`;
  return ask(
    await decisions.ask({ kind: 'remove', address }, names),
    `Shall I remove *${shown}* (${country})${person?.name === undefined ? '' : `, ${person.name}`}? What I do for them ends at once, and I set aside what waits for ${setAsideSeconds / daySeconds} days. Tap a button: without that I do nothing.`,
    'remove',
    'Remove',
  );
}

function ask(token: string, text: string, command: Decision['kind'], yes: string): CommandAnswer {
  const items = [
    { id: `/${command} yes ${token}`, title: yes },
    { id: `/${command} no ${token}`, title: 'Cancel' },
  ];
  const choices: Choices = { kind: 'buttons', items, told: true, tapOnly: true };
  return { text, choices };
}

/** The answer to a tap on one of the buttons; undefined when the message is not a tap. */
async function answerTap(
  parts: CommandDeps,
  { message, argument, context }: CommandCall,
  owner: string,
  kind: Decision['kind'],
): Promise<CommandAnswer | undefined> {
  const [, choice, token] = /^(yes|no) ([0-9a-f]{24})$/.exec(argument) ?? [];
  if (choice === undefined || token === undefined) return undefined;
  // A tap comes with what was tapped; a person can write the same text.
  if (message.choice?.id !== `/${kind} ${argument}`)
    return 'Please tap the button itself: a text does not decide that.';
  const decided = await parts.stores.decisions.decide(token, message.id, choice === 'yes', owner);
  if (decided.outcome === 'done' && decided.kind === 'remove')
    await setAsideSchedules(parts, decided.address);
  if (decided.outcome === 'done' && decided.kind === 'invite')
    return await passOn(parts, decided.address, owner, context);
  return await decidedWords(parts, decided);
}

async function decidedWords(
  { stores: { setAside, people } }: CommandDeps,
  decided: Decided,
): Promise<string> {
  if (decided.outcome === 'gone') return 'That question is too old. Please write it once more.';
  const shown = (await loadNumbers()).showNumber(decided.address);
  switch (decided.outcome) {
    case 'done': {
      const names = await conversationsOf(people, decided.address);
      const left = setAsideWords(await sumOf(names, setAside.counts));
      return `${shown} may not write to me any more.${left === '' ? '' : ` I have set aside ${left}, for ${setAsideSeconds / daySeconds} days.`}`;
    }
    case 'cancelled':
      return 'All right, it stays as it is.';
    case 'already':
      return `${shown} may write already.`;
    case 'many':
      return `${mostInvitations} invitations are open, and no more fit. “/people” lists them; “/remove” takes one back.`;
    case 'owner':
      return 'You are the owner, so I cannot remove you.';
    case 'unknown':
      return `${shown} may not write to me anyway.`;
    case 'used':
      return 'That is decided already.';
    default:
      return decided satisfies never;
  }
}

/** Takes a removed person's schedules out of the plan, and lets a running turn of theirs end. */
async function setAsideSchedules(
  { stores: { redis, schedules, people } }: CommandDeps,
  address: string,
): Promise<void> {
  for (const conversation of await conversationsOf(people, address)) {
    await schedules.setAside(conversation);
    await announceRemoval(redis, conversation);
  }
}

/** The link and the picture for the owner to pass on, and the question about what is set aside. */
async function passOn(
  { stores: { allowed, setAside, people, files }, settings: { chatNumber } }: CommandDeps,
  address: string,
  owner: string,
  { log }: CommandCall['context'],
): Promise<CommandAnswer> {
  const question = await returnedQuestion({ setAside, allowed, people }, owner, address);
  const next = question ? { next: question } : {};
  const shown = (await loadNumbers()).showNumber(address);
  const text = passOnWords(chatNumber, shown, invitationDays);
  try {
    const bytes = (await loadQr()).drawQr(chatLink(chatNumber));
    const about = { type: 'image/png', name: 'invitation.png' };
    return { text, file: await files.put(bytes, about, owner), ...next };
  } catch (error) {
    if (!(error instanceof FileStoreFullError || error instanceof MemoryFullError)) throw error;
    log.warn({ err: error }, 'no room for the picture of an invitation');
    return { text, ...next };
  }
}
