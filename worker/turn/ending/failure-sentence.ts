import { formatMoment } from '../../../shared/runtime/time-zone.ts';
import type { AgentFailure, FailureKind } from '../../agent/agent-failure.ts';

/**
 * The message when a turn is given up for this failure. A refusal that no kind describes is quoted
 * in short, and what the owner has set is named. `timezone` is an IANA name.
 */
export function describeFailure(
  { kind, message, resetsAt }: Pick<AgentFailure, 'kind' | 'message' | 'resetsAt'>,
  timezone?: string,
): string {
  if (kind === 'day-limit' && message !== '')
    return `I stopped here. ${message} Text “retry” tomorrow, or ask for more.`;
  if (kind !== 'refused' || message === '') return failureSentence(kind, resetsAt, timezone);
  return `I could not finish this. Claude refused it: “${message}”. Text “retry” and I will try again.`;
}

/**
 * The message when a turn is given up: one plain, true sentence, and what helps. For a usage limit
 * that ends at `resetsAt` it states that time by the person's clock (`timezone`, an IANA name);
 * then the turn only waits.
 */
export function failureSentence(
  kind: FailureKind,
  resetsAt?: Date,
  timezone = 'UTC',
  now: Date = new Date(),
): string {
  const again = 'Text “retry” and I will try again.';
  const sentences: Record<FailureKind, string> = {
    died: `I could not finish this: Claude stopped several times in the middle of the work. ${again}`,
    'no-memory': `I could not finish this: the computer ran out of memory, and the system ended Claude. ${again}`,
    'no-processes': `I could not finish this: something I had started took all the processes that this computer allows. I have ended it. ${again}`,
    silent: `I stopped this, because Claude showed no sign of life for a long time. ${again}`,
    'model-away': `I could not finish this: Claude's servers did not answer. ${again}`,
    overloaded: `I could not finish this: Claude's servers are overloaded right now. ${again}`,
    'signed-out':
      'I cannot work right now: the sign-in for Claude is not accepted. Please renew the key, then text “retry”.',
    'no-credit':
      'I cannot work right now: the credit for Claude is used up. Please top it up, then text “retry”.',
    'usage-limit': resetsAt
      ? `Claude's usage limit is reached until ${until(resetsAt, timezone, now)}. I go on by myself then.`
      : `Claude's usage limit is reached. ${again}`,
    'account-off':
      'I cannot work right now: the account for Claude is switched off. Once it is on again, or another key is set, text “retry”.',
    'not-allowed':
      'I cannot work right now: Claude does not allow it with this key, or from this place. Please check the key, then text “retry”.',
    'no-model':
      'I cannot work right now: the model that is set does not exist, or is not open to this account. Choose another with “/model”, then text “retry”.',
    'too-long':
      'I could not finish this: it has become too long for Claude to read. Text “/new” for a fresh start, which keeps the files, then “retry”.',
    unreadable:
      'I could not finish this: a picture or document in this conversation is too large or broken for Claude. Send it smaller, or text “/new” for a fresh start.',
    history:
      'I could not finish this: Claude cannot read our conversation any more. Text “/new” for a fresh start, which keeps the files, then “retry”.',
    declined:
      "I could not finish this: Claude's safeguards stopped the answer, as happens with harmless requests, too. Say it in other words, or text “/new” for a fresh start, which keeps the files.",
    refused: `I could not finish this: Claude refused it. ${again}`,
    budget: 'I stopped here, because the budget is used up. Text “retry” to go on.',
    'day-limit':
      'I stopped here: what the owner lets you use in a day is used up. Text “retry” tomorrow, or ask for more.',
    'files-away': `I could not begin this: your files are in the snapshot store, which I cannot read. ${again}`,
    broken: `I could not finish this: something went wrong on my side. ${again}`,
  };
  return sentences[kind];
}

/** Where the owner finds the reason and tries again with a note. */
export function looksWords(url: string): string {
  return `Why, and what I tried: ${url}`;
}

/** The message for a usage limit without a known end. */
export const limitWithoutTime =
  "Claude's usage limit is reached. I keep trying, and go on by myself.";

/** The message while a person's files cannot be restored. */
export const filesWait =
  'Your files are not on this computer: its disk is new, and the store that has them does not answer. I keep trying, and go on by myself.';

/** Formats `15:00` if that is today, else includes the day. */
function until(moment: Date, timezone: string, now: Date): string {
  const whole = formatMoment(moment.getTime(), timezone);
  const [day, time = whole] = whole.split(', ');
  return formatMoment(now.getTime(), timezone).startsWith(`${day},`) ? time : whole;
}
