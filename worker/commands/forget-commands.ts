import { cut } from '../../shared/runtime/cut.ts';
import type { StepOutcome } from '../../shared/store/forget/forget-state.ts';
import type { ForgetSize, ForgetStep } from '../forget/forget.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';

/** Forgetting everything about a person. */
export const forgetCommands: Command[] = [
  {
    pattern: /^\/forget(?:\s+(.+))?$/i,
    help: { usage: '/forget', does: 'deletes our conversation, your files and all copies' },
    anytime: true,
    run: forget,
  },
];

async function forget(
  { stores: { forgetting } }: CommandDeps,
  { message, argument, context: { turn }, busy }: CommandCall,
): Promise<CommandAnswer> {
  const { conversation } = message;
  if (/^no$/i.test(argument)) return 'All right, I keep everything.';
  const [, token] = /^everything ([0-9a-f]{12})$/i.exec(argument) ?? [];
  // What a kill has interrupted goes on: nothing of it can be at work.
  const obstacle = busy ? 'work' : await forgetting.obstacle(conversation);
  if (obstacle) return obstacleWords(obstacle);
  if (token === undefined) return await askForget(conversation, forgetting);
  const outcomes = await forgetting.run({ conversation, token, by: message, turn });
  return outcomes
    ? reportWords(outcomes)
    : 'That question is over. Text “/forget” if you still want me to forget everything.';
}

function obstacleWords(obstacle: 'work' | 'background' | 'elsewhere'): CommandAnswer {
  const stop = { kind: 'buttons' as const, items: [{ id: '/stop', title: 'Stop' }] };
  switch (obstacle) {
    case 'work':
      return {
        text: 'I am still at work for you, so I cannot forget yet. Stop me first, or wait until I am done; then text “/forget” again.',
        choices: stop,
      };
    case 'background':
      return {
        text: 'Something of yours still runs in the background, so I cannot forget yet. Text “/stop all” to end it, then “/forget” again.',
        choices: { kind: 'buttons', items: [{ id: '/stop all', title: 'Stop it' }] },
      };
    case 'elsewhere':
      return 'I am still at work in another conversation of yours, so I cannot forget yet. Text “/forget” again when that is done.';
    default:
      return obstacle satisfies never;
  }
}

async function askForget(
  conversation: string,
  forgetting: CommandDeps['stores']['forgetting'],
): Promise<CommandAnswer> {
  const [size, token] = await Promise.all([
    forgetting.size(conversation),
    forgetting.ask(conversation),
  ]);
  return {
    text: `Shall I forget everything? That is ${sizeWords(size)}, and with them your schedules, secrets, sessions, the browser’s sign-ins and every copy, also at Twilio. It cannot be undone. “/export” gives you a copy of our conversation first. The messages on your phone stay; only you can delete those.`,
    choices: {
      kind: 'buttons',
      items: [
        { id: `/forget everything ${token}`, title: 'Forget everything' },
        { id: '/forget no', title: 'Keep it' },
      ],
    },
  };
}

function sizeWords({ said, files }: ForgetSize): string {
  return `${counted(said, 'message')} of yours and mine and ${counted(files, 'file')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What the steps are called in the report. */
const stepWords: Record<ForgetStep, string> = {
  since: 'the date from which on I hear you',
  processes: 'my running sessions',
  schedules: 'schedules',
  said: 'messages',
  waiting: 'what waited, your settings and sessions',
  files: 'files in the chat',
  secrets: 'secrets and links',
  home: 'your folder on the computer, with the browser’s profile and earlier versions',
  snapshots: 'snapshots',
  copies: 'copies at Twilio',
};

/** What is named only when it fails. */
const silent = new Set<ForgetStep>(['since', 'processes']);

function reportWords(outcomes: ReadonlyMap<ForgetStep, StepOutcome>): string {
  const [done, left]: [string[], string[]] = [[], []];
  for (const [step, outcome] of outcomes) {
    if ('failed' in outcome) {
      left.push(`• ${stepWords[step]}: ${cut(outcome.failed, 120)}`);
    } else if (!silent.has(step)) {
      done.push(`• ${stepWords[step]}${outcome.done === '' ? '' : ` (${outcome.done})`}`);
    }
  }
  const kept =
    'I still know that you may write here, and what I have cost; that belongs to the owner’s bill.';
  if (left.length === 0) return `Forgotten:\n${done.join('\n')}\n\n${kept}`;
  return `Forgotten:\n${done.join('\n')}\n\nNot forgotten yet:\n${left.join('\n')}\nText “/forget” to try again.\n\n${kept}`;
}
