import { randomUUID } from 'node:crypto';
import { AgentFailure } from './agent.ts';
import type { AgentEvent, AgentTurn } from './agent.ts';
import { createChannel } from './channel.ts';
import type { Channel } from './channel.ts';
import { resumeNote } from './instructions.ts';
import type { LiveSession } from './live-session.ts';
import { promptId } from './prompt-id.ts';
import { findPrompt, readTranscript } from './transcript.ts';
import { createTranslator, failureKind } from './translate.ts';
import type { Translation } from './translate.ts';

export type TurnOptions = {
  /** The process was started on an existing session: what it knows is in the transcript. */
  resumed: boolean;
  modelPatienceMs: number;
};

const noUsage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };

/** Works one turn in a live session. Throws AgentFailure or the turn's abort reason; then the session must be closed. */
export async function* workTurn(live: LiveSession, turn: AgentTurn, options: TurnOptions): AsyncGenerator<AgentEvent> {
  const events = createChannel<AgentEvent>();
  const patience = createPatience(options.modelPatienceMs, events);
  const asked = createAsked(live, turn, options.resumed, events);
  const translate = createTranslator(live);

  const onTranslation = (translation: Translation): void => {
    switch (translation.kind) {
      case 'retrying':
        patience.lose(translation.reason);
        return events.push(translation);
      case 'result':
        patience.regain();
        return asked.answer(translation);
      case 'failure':
        return events.fail(translation.failure);
      case 'interrupted':
        return events.fail(new AgentFailure('died', 'Claude Code was interrupted'));
      case 'session':
        return events.push({ kind: 'alive' });
      default:
        return events.push(translation);
    }
  };
  const onAbort = (): void => {
    live.listen(undefined);
    void live.interrupt().then(() => events.fail(turn.signal.reason));
  };
  live.tools = turn.tools;
  live.listen({
    onMessage: (message) => {
      if (message.type === 'stream_event' || message.type === 'assistant') patience.regain();
      for (const translation of translate(message)) onTranslation(translation);
    },
    onEnd: (error) => events.fail(new AgentFailure('died', error instanceof Error ? error.message : 'Claude Code ended')),
  });
  turn.signal.addEventListener('abort', onAbort, { once: true });
  asked.feed().catch((error: unknown) => events.fail(error));
  try {
    yield* events;
  } finally {
    patience.regain();
    turn.signal.removeEventListener('abort', onAbort);
  }
}

/** Gives the model's service up when it has been in trouble for too long. */
function createPatience(ms: number, events: Channel<AgentEvent>): { lose(reason: string): void; regain(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    lose(reason) {
      const kind = failureKind(reason, undefined);
      // Asking again does not bring a sign-in back.
      if (kind === 'signed-out') return events.fail(new AgentFailure(kind, reason));
      timer ??= setTimeout(() => events.fail(new AgentFailure(kind === 'broken' ? 'model-away' : kind, reason)), ms);
    },
    regain() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

type Asked = {
  /** Gives every prompt to Claude Code that has not had it before. Ends when the turn's prompts are closed. */
  feed(): Promise<void>;
  answer(result: Extract<Translation, { kind: 'result' }>): void;
};

/** Keeps account of which prompts wait for an answer, and closes the events when the last one has it. */
function createAsked(live: LiveSession, turn: AgentTurn, resumed: boolean, events: Channel<AgentEvent>): Asked {
  /** What was given to Claude Code, by its uuid, and the prompts that this answers. */
  const pending = new Map<string, string[]>();
  let continuation: string[] | undefined;
  let closed = false;
  const finishIfDone = (): void => {
    if (closed && pending.size === 0) events.close();
  };

  const goOn = (id: string): void => {
    if (continuation) {
      continuation.push(id);
      return;
    }
    continuation = [id];
    const uuid = randomUUID();
    pending.set(uuid, continuation);
    live.send(uuid, resumeNote);
  };

  return {
    async feed() {
      for await (const prompt of turn.prompts) {
        const uuid = promptId(prompt.id);
        const known = resumed || live.sent.has(uuid) ? findPrompt(await readTranscript(live.id, turn.workspace), uuid) : { state: 'absent' as const };
        if (known.state === 'answered') {
          events.push({ kind: 'answer', id: known.id, text: known.text, prompts: [prompt.id], usage: noUsage });
        } else if (known.state === 'unanswered') {
          goOn(prompt.id);
        } else {
          pending.set(uuid, [prompt.id]);
          live.send(uuid, prompt.text);
        }
      }
      closed = true;
      finishIfDone();
    },
    answer({ id, text, uuids, usage }) {
      const named = uuids.filter((uuid) => pending.has(uuid));
      // Claude Code names what it consumed; where it does not, the answer is to all that was asked.
      const consumed = named.length > 0 ? named : uuids.length > 0 ? [] : [...pending.keys()];
      if (consumed.length === 0) return;
      const prompts = consumed.flatMap((uuid) => pending.get(uuid) ?? []);
      for (const uuid of consumed) pending.delete(uuid);
      continuation = undefined;
      events.push({ kind: 'answer', id, text, prompts, usage });
      finishIfDone();
    },
  };
}
