import type { Conversation } from '../shared/conversation.ts';
import { isFromPerson } from '../shared/message.ts';
import type { Ledger } from '../shared/ledger.ts';
import type { Message } from '../shared/message.ts';
import type { Opening, ReadOpening } from '../shared/opening.ts';
import type { TurnMessage } from '../shared/queues.ts';
import type { Reply } from '../shared/reply.ts';
import type { CommandParts } from './commands/command.ts';
import { nextStep, wantsOwnTurn } from './next-step.ts';
import type { NextStep } from './next-step.ts';
import type { Questions } from './questions.ts';
import { chunk } from './reply/chunk.ts';
import { isStop } from './stop-request.ts';
import type { TurnContext } from './turn-context.ts';

export type HandOverParts = CommandParts & { ledger: Ledger; readOpening: ReadOpening };

/** What a turn does with the messages that come in: commands are obeyed, answers reach their question, the rest is for Claude. */
export type HandOver = {
  /** What this turn has taken up. */
  taken(): ReadonlySet<string>;
  /** The reply of ours that a message quotes. */
  quoted(message: Message): Reply | undefined;
  /** The session that the turn goes on with: the last one, or the one that was quoted. */
  session(): string | undefined;
  /** Notes the session at work. */
  goOnWith(session: string): void;
  /** What is remembered of the conversation, as of the last look. */
  known(): Conversation;
  /** Whether a look has found this message, and how many the last one has found. */
  hasSeen(id: string): boolean;
  waiting(): number;
  /**
   * Looks through the inbox, does what is to be done with it now, and returns what Claude is to get, oldest first.
   * `busy`: Claude has got something already, and what it gets now is taken up; else that is for `take`. Throws FencedError.
   */
  look(busy: boolean): Promise<Message[]>;
  /** Takes messages up, each with its count of attempts: one more than before. Throws FencedError. */
  take(messages: Message[]): Promise<void>;
};

/** `opening` is what the turn has read, and serves the first look; `questions` are those of this turn. */
export function createHandOver(parts: HandOverParts, context: TurnContext, questions: Questions, opening: Opening): HandOver {
  const { inbox, outbox, ledger } = parts;
  const { job, turn, conversation, fence } = context;
  const attempts = new Map(job.data.messages.map((message) => [message.id, message.attempts]));
  const taken = new Map<string, TurnMessage>();
  const quotes = new Map<string, Reply | undefined>();
  const told = new Set<string>();
  let known = opening.conversation;
  let { session } = known;
  let unread: Opening | undefined = opening;
  let waiting = 0;

  const readInbox = async (): Promise<Message[]> => {
    const { messages, parked, conversation: remembered } = unread ?? (await parts.readOpening(conversation));
    unread = undefined;
    known = remembered;
    waiting = messages.length;
    const fresh = messages.filter(({ id }) => !quotes.has(id));
    for (const { id, quoted } of fresh) quotes.set(id, quoted === undefined ? undefined : await ledger.findSent(quoted));
    // When the person has written, Twilio's 24-hour window is open again. What a schedule brings does not open it.
    if (parked > 0 && fresh.some(isFromPerson) && (await ledger.unpark(conversation)) > 0) await outbox.deliver(conversation);
    return messages;
  };

  const take = async (messages: Message[]): Promise<void> => {
    for (const { id, at, text, media } of messages) taken.set(id, { id, at, text, media: media.length, attempts: (attempts.get(id) ?? 0) + 1 });
    job.data = { ...job.data, messages: [...taken.values()] };
    await inbox.take(fence, messages.map(({ id }) => id), turn, job.data);
  };

  const obey = async ({ message, found }: Extract<NextStep, { kind: 'command' }>, busy: boolean): Promise<void> => {
    const answer = await found.command.run(parts, { message, argument: found.argument, context, busy });
    if (answer === undefined) return;
    const { text, choices } = typeof answer === 'string' ? { text: answer, choices: undefined } : answer;
    const texts = choices ? [text] : chunk(text);
    const replies = texts.map((part, index) => ({ id: `${message.id}.command.${index + 1}`, conversation, turn, text: part, ...(choices ? { choices } : {}), urgent: true as const }));
    await outbox.put(replies, fence, { conversation, ids: [message.id], state: 'answered' });
  };

  /** Says of what waits although Claude is at work that it does, once for each message. */
  const sayLater = async (messages: Message[]): Promise<void> => {
    for (const { id } of messages.filter((message) => isFromPerson(message) && !told.has(message.id))) {
      told.add(id);
      await outbox.put([{ id: `${id}.later`, conversation, turn, text: 'I do that as soon as this is done. Text “stop” to end this now.' }], fence);
    }
  };

  return {
    taken: () => new Set(taken.keys()),
    quoted: (message) => quotes.get(message.id),
    session: () => session,
    goOnWith(next) {
      session = next;
    },
    known: () => known,
    hasSeen: (id) => quotes.has(id),
    waiting: () => waiting,
    take,
    async look(busy) {
      const prompts: Message[] = [];
      let messages = await readInbox();
      for (;;) {
        // What answered a question in an earlier run of this turn is settled with the next answer.
        const done = new Set([...taken.keys(), ...questions.answerers(), ...prompts.map(({ id }) => id)]);
        const atWork = busy || prompts.length > 0;
        const step = nextStep(messages, { taken: done, busy: atWork, question: questions.open(), session, quoted: (message) => quotes.get(message.id) });
        if (step === undefined || step.kind === 'barrier') {
          if (busy && !messages.some(isStop)) await sayLater(messages.filter((message) => !done.has(message.id) && (step ? message === step.message : wantsOwnTurn(message))));
          break;
        }
        if (step.kind === 'command') {
          await obey(step, busy);
          messages = await readInbox();
          // It may have led to another session.
          if (!busy) session = known.session;
        } else if (step.kind === 'answer') {
          await take([step.message]);
          await questions.answer(step.words, step.message);
        } else {
          if (!atWork) session = quotes.get(step.message.id)?.session ?? session;
          if (busy && questions.open()) await questions.remark();
          prompts.push(step.message);
        }
      }
      if (busy && prompts.length > 0) await take(prompts);
      return prompts;
    },
  };
}
