import type { GivenUp } from '../../shared/store/boxes/given-up.ts';
import type { Fence, Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Message } from '../../shared/store/message.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { formatMoment } from '../../shared/runtime/time-zone.ts';
import { quoteMessage, withdrawnWords } from '../turn/format-messages.ts';
import { readStop } from '../turn/stop-words.ts';
import { taskLine } from '../background/describe.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';

const retryCommands: Command[] = [
  {
    pattern: /^\/?(?:please )?retry(?:,? please)?[.!]*$/i,
    help: { usage: '/retry', does: 'tries again what did not work last' },
    anytime: false,
    firstOnly: true,
    async run(
      { stores: { inbox, conversations } },
      { message: { id, conversation }, context: { fence } },
    ) {
      const [last, ...older] = await inbox.givenUp(conversation);
      if (!last || (await requeue(inbox, fence, conversation, id, last)) === 0)
        return 'There is nothing to try again.';
      if (older.length === 0) return undefined;
      const { timezone } = await conversations.read(conversation);
      return `I try the last one again. What I gave up before it stays as it is:\n${olderWords(older, timezone)}\nText “/retry 1” to try number 1 again, too.`;
    },
  },
  {
    pattern: /^\/retry\s+#?(\d{1,3})[.!]?$/i,
    anytime: false,
    firstOnly: true,
    async run(
      { stores: { inbox } },
      { message: { id, conversation }, argument, context: { fence } },
    ) {
      const wanted = (await inbox.givenUp(conversation))[Number(argument) - 1];
      if (!wanted || (await requeue(inbox, fence, conversation, id, wanted)) === 0)
        return `There is no number ${argument} to try again.`;
      return `I try this again: ${wanted.messages.map(quoteMessage).join(', ')}.`;
    },
  },
];

/** Whether a message only asks to try others again. */
export function asksToRetry({ text }: Pick<Message, 'text'>): boolean {
  return retryCommands.some(({ pattern }) => pattern.exec(text.trim()) !== null);
}

/** Stopping, retrying and queueing turns. */
export const turnCommands: Command[] = [
  {
    pattern: /^(?:\/?stop #?(\d{1,2})|\/stop (all))$/i,
    anytime: true,
    run: endTasks,
  },
  {
    // A line of the list: the numbers may be others by now.
    pattern: /^\/stop-task (\S{1,100})$/,
    anytime: true,
    run: endChosen,
  },
  {
    // The button that the live page asks with: it stops its own turn only.
    pattern: /^\/stop-work (\S+)$/,
    anytime: true,
    run: (parts, call) =>
      call.argument === call.context.turn
        ? stopWaiting(parts, call)
        : Promise.resolve('That work is over already.'),
  },
  {
    // A stop during a turn ends it before commands are parsed; this one stops messages that wait.
    pattern: { exec: (text) => (readStop(text, true) === 'stop' ? [text] : null) },
    help: { usage: '/stop', does: 'ends what I am doing, at once' },
    anytime: true,
    run: stopWaiting,
  },
  {
    // The button beside Stop, when a text may have been a stop.
    pattern: /^\/go-on$/,
    anytime: true,
    run: async () => 'I go on.',
  },
  ...retryCommands,
  {
    pattern: /^\/queue$/i,
    help: { usage: '/queue fix the footer, too', does: 'I do it after what I am doing now' },
    anytime: true,
    run: async () =>
      'Write what comes next, such as “/queue fix the footer, too”. Without /queue I hear it at once.',
  },
];

/** Stops what waits, or the one task that runs in the background. */
async function stopWaiting(
  { stores: { inbox, outbox, background }, agent }: CommandDeps,
  { message: { id, conversation }, context: { turn, fence } }: CommandCall,
): Promise<CommandAnswer | undefined> {
  const waiting = (await inbox.read(conversation))
    .filter(({ work }) => work === undefined)
    .map((message) => message.id);
  const before = waiting.slice(0, waiting.indexOf(id));
  const withdrawn = withdrawnWords(await outbox.withdraw(fence, conversation));
  const tasks = before.length > 0 ? [] : await background.list(conversation);
  if (tasks.length > 1) return whichTask(tasks);
  const [task] = tasks;
  const ended = task && (await endTask(agent, conversation, task));
  const text =
    before.length > 0
      ? `Stopped before I began.${withdrawn}`
      : ended !== undefined
        ? `${ended}${withdrawn}`
        : withdrawn === ''
          ? 'Nothing is running.'
          : `Stopped.${withdrawn}`;
  await outbox.put([{ id: `${id}.stopped`, conversation, turn, text, urgent: true }], fence, {
    conversation,
    ids: [...before, id],
    state: 'answered',
  });
  return undefined;
}

/** Takes in a stop from the dashboard that found its turn not at work; not written by a person. */
export const takeStop: Command = {
  pattern: /^$/,
  anytime: true,
  async run(parts, call) {
    const { message, context } = call;
    if (message.stops === context.turn) return await stopWaiting(parts, call);
    const { id, conversation } = message;
    await parts.stores.outbox.put([], context.fence, {
      conversation,
      ids: [id],
      state: 'answered',
    });
    return undefined;
  },
};

/** How many of the older ones are listed. */
const mostNamed = 10;

const requeue = (
  inbox: Inbox,
  fence: Fence,
  conversation: string,
  askedBy: string,
  { messages }: GivenUp,
): Promise<number> =>
  inbox.requeue(
    fence,
    conversation,
    askedBy,
    messages.map(({ id }) => id),
  );

/** The turns given up earlier, one numbered line each, latest first. */
function olderWords(older: GivenUp[], timezone: string | undefined): string {
  const lines = older
    .slice(0, mostNamed)
    .map(
      ({ at, messages }, index) =>
        `${index + 1}. ${messages.map(quoteMessage).join(', ')} (${formatMoment(at, timezone ?? 'UTC')})`,
    );
  return [
    ...lines,
    ...(older.length > mostNamed ? [`and ${older.length - mostNamed} more`] : []),
  ].join('\n');
}

type Task = Awaited<ReturnType<CommandDeps['stores']['background']['list']>>[number];

/** Ends a task and returns what to say of it. */
async function endTask(
  { background }: CommandDeps['agent'],
  conversation: string,
  { session, id, description }: Task,
): Promise<string> {
  const name = `“${cut(description, 80)}”`;
  return (await background?.end(conversation, session, id))
    ? `Stopped what ran in the background: ${name}.`
    : `${name} is not running any more.`;
}

/** Asks which of several tasks to end. */
function whichTask(tasks: Task[]): CommandAnswer {
  const lines = tasks.map((task, index) => taskLine(task, index + 1, Date.now()));
  const items = [
    ...tasks.slice(0, 9).map(({ id, description }, index) => ({
      id: `/stop-task ${id}`,
      title: `${index + 1}. ${cut(description, 20)}`,
    })),
    { id: '/stop all', title: 'All of them' },
  ];
  return {
    text: `What shall I stop?\n${lines.join('\n')}`,
    choices: { kind: 'list', button: 'Choose', items },
  };
}

/** Ends the task with a number, or all. */
async function endTasks(
  { stores: { background }, agent }: CommandDeps,
  { message: { conversation }, argument }: CommandCall,
): Promise<string> {
  const tasks = await background.list(conversation);
  const wanted = argument === '' ? tasks : tasks.slice(Number(argument) - 1, Number(argument));
  if (wanted.length === 0)
    return argument === ''
      ? 'Nothing runs in the background.'
      : `There is no number ${argument} in the background.`;
  const said = await Promise.all(wanted.map((task) => endTask(agent, conversation, task)));
  return said.join('\n');
}

/** Ends the task that was chosen from the list. */
async function endChosen(
  { stores: { background }, agent }: CommandDeps,
  { message: { conversation }, argument }: CommandCall,
): Promise<string> {
  const task = (await background.list(conversation)).find(({ id }) => id === argument);
  return task ? await endTask(agent, conversation, task) : 'That is not running any more.';
}
