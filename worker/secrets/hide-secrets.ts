import type { Log } from '../../shared/runtime/log.ts';
import type { Agent, AgentTurn, ChatTools } from '../agent/agent.ts';
import type { BackgroundListener } from '../agent/background.ts';
import type { Blank } from './blanking.ts';
import type { PersonOf } from './person-of.ts';
import type { Secrets } from './secrets.ts';

/** Fields that name something and are never shown: a blanked path or id would lead nowhere. */
const names = new Set(['id', 'callId', 'kind', 'path', 'digest', 'key', 'prompts', 'requestId']);

/**
 * The same agent, with the secrets of each conversation's person blanked in everything that comes
 * from it: events, calls of the chat's tools, suggestions, tasks in the background, and the
 * messages of its failures. So chat, pages, progress, job logs and Redis get none of them. What it
 * reads and the files that it sends are left alone.
 */
export function hideSecrets(
  agent: Agent,
  secrets: Pick<Secrets, 'values' | 'hidden'>,
  personOf: PersonOf,
  log: Log,
): Agent {
  /** The person of each conversation that has worked: nothing comes from another one. */
  const people = new Map<string, string>();
  const blankOf = (conversation: string): Blank =>
    secrets.hidden.blankFor(people.get(conversation) ?? conversation);
  return {
    ...agent,
    async *work(turn) {
      const person = await personOf(turn.conversation, turn.person);
      people.set(turn.conversation, person);
      const blank = blankOf(turn.conversation);
      // Nothing is set where the secrets cannot be read, so nothing can be printed either.
      await secrets
        .values(person)
        .catch((error: unknown) => log.warn({ err: error }, 'the secrets could not be read'));
      try {
        for await (const event of agent.work(quietTurn(turn, blank)))
          yield blankTexts(event, blank);
      } catch (error) {
        if (error instanceof Error) error.message = blank(error.message);
        throw error;
      }
    },
    ...(agent.background
      ? {
          background: {
            ...agent.background,
            listen: (listener) => agent.background?.listen(quietListener(listener, blankOf)),
          },
        }
      : {}),
  };
}

function quietTurn(turn: AgentTurn, blank: Blank): AgentTurn {
  const { onSuggestion } = turn;
  return {
    ...turn,
    tools: quietTools(turn.tools, blank),
    ...(onSuggestion
      ? { onSuggestion: (suggestion: string) => onSuggestion(blank(suggestion)) }
      : {}),
  };
}

function quietTools(tools: ChatTools, blank: Blank): ChatTools {
  const clean = <T>(value: T): T => blankTexts(value, blank);
  return {
    sendFile: (input) => tools.sendFile(clean(input)),
    sendMessage: (input) => tools.sendMessage(clean(input)),
    say: (words) => tools.say(clean(words)),
    scheduleTurn: (input) => tools.scheduleTurn(clean(input)),
    listSchedules: () => tools.listSchedules(),
    cancelSchedule: (input) => tools.cancelSchedule(input),
    ask: (questions, signal) => tools.ask(clean(questions), signal),
    approve: (request, signal) => tools.approve(clean(request), signal),
    decidePlan: (plan, signal) => tools.decidePlan(clean(plan), signal),
    mayGoOn: (signal, before) => tools.mayGoOn(signal, before),
  };
}

function quietListener(
  listener: BackgroundListener,
  blankOf: (conversation: string) => Blank,
): BackgroundListener {
  return {
    ...listener,
    onChange: (conversation, session, tasks) =>
      listener.onChange(conversation, session, blankTexts(tasks, blankOf(conversation))),
    onLost: (conversation, session, tasks) =>
      listener.onLost(conversation, session, blankTexts(tasks, blankOf(conversation))),
  };
}

/**
 * Blanks every text in a value, whatever its form, except what names something. The output of a
 * tool may be a piece of a longer one.
 */
export function blankTexts<T>(value: T, blank: Blank): T {
  const clean = (part: unknown, isOutput = false): unknown => {
    if (typeof part === 'string') return blank(part, isOutput);
    if (Array.isArray(part)) return part.map((each) => clean(each));
    if (
      typeof part !== 'object' ||
      part === null ||
      Object.getPrototypeOf(part) !== Object.prototype
    )
      return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, inner]) => [
        name,
        names.has(name) ? inner : clean(inner, name === 'output'),
      ]),
    );
  };
  // The form stays the same.
  return clean(value) as T;
}
