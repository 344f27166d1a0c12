import { cut } from '../../shared/runtime/cut.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { ChoiceItem, Choices } from '../../shared/store/choices.ts';
import type { Fence } from '../../shared/store/boxes/inbox.ts';
import { isWorkId } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Change, WayBack, WorkspaceCheckpoints } from '../checkpoints/checkpoints.ts';
import type { Back, Numbered, Step, Steps } from '../checkpoints/note.ts';
import { ShadowError } from '../checkpoints/shadow.ts';
import { filesWord, listWords } from '../checkpoints/format-changes.ts';
import { noteForClaude } from './undo-note.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';

/** Taking back what was changed, and bringing it back. */
export const undoCommands: Command[] = [
  {
    pattern: /^\/undo(?:\s+(.+))?$/i,
    help: {
      usage: '/undo',
      does: 'takes back what I changed; with a quoted message, all since then',
    },
    anytime: true,
    run: (parts, call) => withCheckpoints(parts, call, undo),
  },
  {
    pattern: /^\/redo(?:\s+(.+))?$/i,
    help: { usage: '/redo', does: 'brings back what was taken back' },
    anytime: true,
    run: (parts, call) => withCheckpoints(parts, call, redo),
  },
];

/** How many files are named before a question. */
const mostNamed = 12;

const leftAsItIs = 'All right, I leave everything as it is.';

/** Runs a command on the person's files, unless something else may be changing them. */
async function withCheckpoints(
  parts: CommandDeps,
  call: CommandCall,
  command: (
    parts: CommandDeps,
    call: CommandCall,
    checkpoints: WorkspaceCheckpoints,
  ) => Promise<CommandAnswer>,
): Promise<CommandAnswer> {
  const { log } = call.context;
  const { conversation } = call.message;
  const { checkpoints } = parts.stores;
  if (!checkpoints)
    return 'Nothing can be taken back here: the owner has switched it off (CHECKPOINTS=0).';
  if (/^no$/i.test(call.argument)) return leftAsItIs;
  if (call.busy)
    return {
      text: 'I am still at work, and may be changing files. Shall I stop first? Then text “/undo” again.',
      choices: buttons({ id: '/stop', title: 'Stop' }, { id: '/go-on', title: 'Go on' }),
    };
  const tasks = await parts.stores.background.list(conversation);
  if (tasks.length > 0)
    return {
      text: `This still runs in the background and may be changing files: ${listWords(tasks.map(({ description }) => `“${cut(description, 60)}”`))}. Shall I stop it first? Then text “/undo” again.`,
      choices: buttons(
        { id: '/stop all', title: 'Stop it' },
        { id: '/undo no', title: 'Leave it' },
      ),
    };
  try {
    return await command(parts, call, await checkpoints.of(conversation));
  } catch (error) {
    if (!(error instanceof ShadowError)) throw error;
    log.warn({ err: error }, 'earlier versions of files are not available');
    return error.isTooLarge
      ? 'There are too many files in your folder for me to keep earlier versions of them, so I cannot take anything back.'
      : 'I cannot get at earlier versions of your files, so nothing has changed. Please try again in a moment.';
  }
}

async function undo(
  parts: CommandDeps,
  { message, argument, context: { fence } }: CommandCall,
  checkpoints: WorkspaceCheckpoints,
): Promise<CommandAnswer> {
  const known = await checkpoints.steps();
  const [, what, first, last] = /^(files|both) (\d{1,9}) (\d{1,9})$/i.exec(argument) ?? [];
  if (what === undefined) {
    if (argument !== '') return 'Text “/undo” to take back what I changed last.';
    return await askUndo(checkpoints, await stepsSince(parts, message, known));
  }
  const steps = known.done.filter(({ number }) => number >= Number(first));
  const isAgain = known.last?.note.by === message.id;
  if (!isAgain && steps[0]?.number !== Number(first)) return 'That is taken back already.';
  // The question was about fewer changes than there are now.
  if (!isAgain && steps.at(-1)?.number !== Number(last)) return await askUndo(checkpoints, steps);
  const { conversation } = message;
  const { conversations } = parts.stores;
  const { session = '', follows = '', rewind = '' } = await conversations.read(conversation);
  const withChat = what.toLowerCase() === 'both';
  const [step] = steps;
  // First, so that a repeated attempt does it as well.
  if (withChat && step)
    await conversations.write(conversation, fence, {
      session: step.note.session,
      rewind: step.note.asked,
      follows: '',
    });
  const way = await checkpoints
    .go({ way: 'undo', steps }, message.id, withChat ? session : undefined)
    .catch(async (error: unknown) => {
      if (withChat) await conversations.write(conversation, fence, { session, follows, rewind });
      throw error;
    });
  if (!withChat) await tellClaude(parts, message, fence, ['undo', way]);
  const chat = withChat ? ' I have forgotten our conversation since then, too.' : '';
  return `Done: ${wayWords(way)}.${chat}${keptWords(way)}${beyondWords(steps)} “/redo” brings it back.`;
}

async function redo(
  parts: CommandDeps,
  { message, argument, context: { fence } }: CommandCall,
  checkpoints: WorkspaceCheckpoints,
): Promise<CommandAnswer> {
  const { undone, last } = await checkpoints.steps();
  const [, wanted] = /^files (\d{1,9})$/i.exec(argument) ?? [];
  const isAgain = last?.note.by === message.id;
  const bringBack = async (back: Numbered<Back>): Promise<string> => {
    const { session } = back.note;
    const hasChat = session !== undefined && session !== '';
    const way = await checkpoints.go({ way: 'redo', back }, message.id, session);
    // The conversation that comes back knows of no undo.
    if (!hasChat) await tellClaude(parts, message, fence, ['redo', way]);
    if (hasChat)
      await parts.stores.conversations.write(message.conversation, fence, { session, rewind: '' });
    return `Done: ${wayWords(way)}.${keptWords(way)}`;
  };
  // What an earlier attempt at this message has brought back is not among what is undone.
  if (wanted !== undefined && isAgain) return await bringBack(last);
  if (!undone)
    return wanted === undefined
      ? 'There is nothing to bring back.'
      : 'That is brought back already.';
  const change: Change = { way: 'redo', back: undone };
  if (Number(wanted) !== undone.number) {
    const way = await checkpoints.preview(change);
    return {
      text: `Bring back what you took back? ${capital(wayWords(way))}:\n${namesOf(way)}`,
      choices: buttons(
        { id: `/redo files ${undone.number}`, title: 'Bring it back' },
        { id: '/redo no', title: 'Leave it' },
      ),
    };
  }
  return await bringBack(undone);
}

/** Notes for Claude what it does not see: the next message tells it, once. */
async function tellClaude(
  { stores: { conversations } }: CommandDeps,
  { conversation }: Message,
  fence: Fence,
  [kind, way]: [kind: Change['way'], way: WayBack],
): Promise<void> {
  const { undone = '' } = await conversations.read(conversation);
  await conversations.write(conversation, fence, { undone: noteForClaude(undone, kind, way) });
}

/** Asks whether these steps are to be taken back, with what that means. */
async function askUndo(
  checkpoints: WorkspaceCheckpoints,
  steps: readonly Numbered<Step>[],
): Promise<CommandAnswer> {
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last)
    return 'There is nothing to take back: I know of no change that I have made and that is still there.';
  const way = await checkpoints.preview({ way: 'undo', steps });
  const of = first.note.title === '' ? '' : ` “${cut(first.note.title, 80)}”`;
  const tasks =
    steps.length === 1
      ? `what I did for${of || ' you last'}`
      : `all ${steps.length} changes since${of}`;
  return {
    text: `Take back ${tasks}? ${capital(wayWords(way))}:\n${namesOf(way)}${keptWords(way)}${beyondWords(steps)}`,
    choices: buttons(
      { id: `/undo files ${first.number} ${last.number}`, title: 'Undo the files' },
      // What Claude has done without being asked has no place in the chat to go back to.
      ...(isWorkId(first.note.asked)
        ? []
        : [{ id: `/undo both ${first.number} ${last.number}`, title: 'Files and chat' }]),
      { id: '/undo no', title: 'Leave it' },
    ),
  };
}

/** The steps that a message is about: the last one, or all since the message that it quotes. */
async function stepsSince(
  { stores: { ledger, redis } }: CommandDeps,
  { quoted, choice }: Message,
  { done }: Steps,
): Promise<Numbered<Step>[]> {
  // A tap quotes the message with the button.
  if (quoted === undefined || choice) return done.slice(-1);
  const reply = await ledger.findSent(quoted);
  const turn = reply?.turn ?? (await redis.hget(keys.message(quoted), 'turn'));
  const at = reply?.at ?? (await redis.hget(keys.message(quoted), 'at'));
  const own = done.findIndex(({ note }) => note.turn === turn);
  if (own >= 0) return done.slice(own);
  return at ? done.filter(({ note }) => Date.parse(note.at) > Date.parse(at)) : [];
}

function buttons(...items: ChoiceItem[]): Choices {
  return { kind: 'buttons', items };
}

/** “3 files go back, 1 file goes and 2 files come back” in the forms that their numbers take. */
function wayWords({ changed, removed, restored }: WayBack): string {
  const parts = [
    changed.length > 0 ? `${filesWord(changed.length)} as before` : '',
    removed.length > 0 ? `${filesWord(removed.length)} removed` : '',
    restored.length > 0 ? `${filesWord(restored.length)} back again` : '',
  ].filter(Boolean);
  return parts.length === 0 ? 'no file differs' : listWords(parts);
}

function namesOf({ changed, removed, restored }: WayBack): string {
  const names = [
    ...changed.map((name) => `• ${cut(name, 70)}`),
    ...removed.map((name) => `• ${cut(name, 70)} (removed)`),
    ...restored.map((name) => `• ${cut(name, 70)} (back again)`),
  ];
  const more = names.length > mostNamed ? [`• and ${names.length - mostNamed} more`] : [];
  return [...names.slice(0, mostNamed), ...more].join('\n');
}

function keptWords({ kept }: WayBack): string {
  return kept.length === 0
    ? ''
    : `\nI have not kept this as it was, so it stays as it is now: ${listWords(kept.slice(0, 5).map((name) => cut(name, 60)))}.`;
}

function beyondWords(steps: readonly Numbered<Step>[]): string {
  const beyond = [...new Set(steps.flatMap(({ note }) => note.beyond))];
  return beyond.length === 0 ? '' : `\nThis I cannot take back: ${listWords(beyond.slice(0, 6))}.`;
}

function capital(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
