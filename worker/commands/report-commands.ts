import { cut } from '../../shared/runtime/cut.ts';
import { waitingQuestion } from '../../shared/store/conversation.ts';
import { dayOf, monthOf, totalUse } from '../../shared/store/money/spend.ts';
import { priceWords, taskLine } from '../background/describe.ts';
import type { Awake } from '../background/describe.ts';
import { readEffort } from '../agent/settings.ts';
import { costWords, dollars } from './format-cost.ts';
import { quoteMessage, quoteMessages } from '../turn/format-messages.ts';
import { permissionsOf } from '../agent/settings.ts';
import type { Command, CommandCall, CommandDeps } from './command.ts';

/** Reports about the computer and its costs. */
export const reportCommands: Command[] = [
  {
    pattern: /^\/status$/i,
    help: { usage: '/status', does: 'what runs, and what waits' },
    anytime: true,
    run: writeStatus,
  },
  {
    // The other names are Claude Code's; its own sums are of one session, and know of no
    // pretending.
    pattern: /^\/(?:cost|usage|stats)$/i,
    help: { usage: '/cost', does: 'what I have cost today and this month' },
    anytime: true,
    async run(
      { stores: { conversations, spend, meters }, settings: { prices } },
      { message: { conversation } },
    ) {
      const day = dayOf(Date.now(), (await conversations.read(conversation)).timezone);
      const [spending, use, counted] = await Promise.all([
        spend.read(day),
        spend.use(monthOf(day)),
        meters.read(dayOf(Date.now())),
      ]);
      return costWords({
        conversation,
        day,
        ...spending,
        unsettled: totalUse(use),
        isPretend: spend.isPretend,
        meters: counted,
        prices,
      });
    },
  },
];

async function writeStatus(
  {
    stores: { inbox, conversations, spend, background },
    slots,
    settings: { permissions, awake },
  }: CommandDeps,
  { message, context, busy }: CommandCall,
): Promise<string> {
  const { conversation, turn, job, slot, startedAt } = context;
  const [waiting, settings, tasks] = await Promise.all([
    inbox.read(conversation),
    conversations.read(conversation),
    background.list(conversation),
  ]);
  const lines: string[] = [];
  const asked = waitingQuestion(settings.questions, turn);
  if (asked) lines.push(waitingWords(asked));
  else if (busy) {
    const first = waiting.find(({ id }) => job.data.messages.some((taken) => taken.id === id));
    const step =
      typeof job.progress === 'string' && job.progress !== ''
        ? `, now: ${cut(job.progress, 120)}`
        : '';
    lines.push(
      `Working for ${durationInWords(Date.now() - startedAt)}${first ? ` on ${quoteMessage(first)}` : ''}${step}.`,
    );
  } else if (tasks.length === 0) lines.push('Nothing is running for you.');
  if (tasks.length > 0) {
    lines.push('In the background:');
    for (const [index, task] of tasks.entries()) lines.push(taskLine(task, index + 1, Date.now()));
    lines.push(`Text “/stop 1” to end number 1.${awakeWords(awake)}`);
  }
  const later = waiting.filter(
    ({ id }) => id !== message.id && !job.data.messages.some((taken) => taken.id === id),
  );
  if (later.length > 0) lines.push(`Waiting: ${quoteMessages(later)}.`);
  const day = dayOf(Date.now(), settings.timezone);
  lines.push(`Spent today: ${dollars(await spend.today(day, conversation), spend.isPretend)}.`);
  const others = slots.taken() - (slot.isHeld() ? 1 : 0);
  if (others > 0)
    lines.push(
      others === 1
        ? 'I am also working for someone else.'
        : `I am also working for ${others} other people.`,
    );
  lines.push(
    awake === undefined
      ? 'The computer is awake and stays so.'
      : `The computer is awake; it sleeps after ${awake.idleMinutes} min without work.`,
  );
  const effort = readEffort(settings.effort);
  lines.push(
    `Model: ${settings.model ?? 'the usual one'}.${effort ? ` Effort: ${effort}.` : ''} Permissions: ${permissionsOf(settings.permissions, permissions)}.`,
  );
  return lines.join('\n');
}

/** Length limit for a repeated question (characters). */
const longestQuestion = 200;

function waitingWords({ text, labels }: { text: string; labels: string[] }): string {
  const choices = labels.length > 0 ? ` (${labels.join(', ')})` : '';
  return `I am waiting for you: “${cut(text, longestQuestion)}”${choices}`;
}

function awakeWords(awake: Awake): string {
  const price = priceWords(awake);
  return awake ? ` The computer stays awake for it${price === '' ? '' : `, at ${price}`}.` : '';
}

function durationInWords(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(Math.round(ms / 1000), 1)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
