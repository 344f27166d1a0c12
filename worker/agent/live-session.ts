import { query } from '@anthropic-ai/claude-agent-sdk';
import type { Options, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import type { UUID } from 'node:crypto';
import { createChannel } from './channel.ts';
import { killMarked } from './processes.ts';
import type { Attachment, ChatTools } from './agent.ts';
import { createTranslator } from './translate.ts';
import type { Translation } from './translate.ts';

type ContentBlock = Exclude<SDKUserMessage['message']['content'], string>[number];

/** Who listens to a live session during a turn. */
export type Listener = {
  /** `heard` when the model itself has spoken. */
  onMessage(translations: Translation[], heard: boolean): void;
  /** The process has ended; nothing more comes. */
  onEnd(error: unknown): void;
};

/**
 * One running Claude Code process with its session, open for many turns. It belongs to one conversation and has at most one
 * listener, the turn at work.
 */
export type LiveSession = {
  /** It becomes another when the person clears the conversation. */
  readonly id: string;
  /** The process was started on an existing session: what it knows is in the transcript. */
  readonly resumed: boolean;
  /** The prompts that were given to this process. */
  readonly sent: ReadonlySet<string>;
  readonly ended: boolean;
  /** The tools of the turn at work; the process's `whatsapp` server asks for them. */
  tools: ChatTools | undefined;
  listen(listener: Listener | undefined): void;
  send(uuid: UUID, text: string, attachments?: Attachment[]): void;
  /** Asks Claude Code to stop what it does, so that the transcript says so. Ends within a second whether it could or not. */
  interrupt(): Promise<void>;
  /** Ends the process and everything it has started. */
  close(): Promise<void>;
};

/** How long an interruption may take before the processes are simply ended (ms). */
const interruptPatience = 1000;

/** Starts Claude Code. `mark` is the one in its environment; `id` the session's, new or resumed. */
export function startLiveSession({ id, mark, resumed }: { id: string; mark: string; resumed: boolean }, createOptions: (tools: () => ChatTools | undefined) => Options): LiveSession {
  const input = createChannel<SDKUserMessage>();
  const sent = new Set<string>();
  const translate = createTranslator(resumed);
  let current = id;
  let listener: Listener | undefined;
  let end: { error: unknown } | undefined;
  let closing: Promise<void> | undefined;

  const session: LiveSession = {
    get id() {
      return current;
    },
    resumed,
    sent,
    tools: undefined,
    get ended() {
      return end !== undefined;
    },
    listen(next) {
      listener = next;
      if (next && end) next.onEnd(end.error);
    },
    send(uuid, text, attachments = []) {
      sent.add(uuid);
      input.push({ type: 'user', uuid, parent_tool_use_id: null, message: { role: 'user', content: attachments.length === 0 ? text : [...attachments.map(toBlock), { type: 'text', text }] } });
    },
    async interrupt() {
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, interruptPatience);
      await Promise.race([claude.interrupt().catch(() => undefined), timer.promise]);
      clearTimeout(timeout);
    },
    close: () => (closing ??= close()),
  };

  const claude = query({ prompt: input, options: createOptions(() => session.tools) });

  const close = async (): Promise<void> => {
    input.close();
    claude.close();
    await killMarked((other) => other === mark);
    await pumping;
  };

  const pump = async (): Promise<void> => {
    try {
      for await (const message of claude) {
        const translations = translate(message);
        for (const translation of translations) if (translation.kind === 'session') current = translation.id;
        listener?.onMessage(translations, message.type === 'stream_event' || message.type === 'assistant');
      }
      end = { error: new Error('Claude Code ended') };
    } catch (error) {
      end = { error };
    }
    listener?.onEnd(end.error);
  };
  const pumping = pump();
  return session;
}

/** The content block of the Messages API for an attachment. */
function toBlock(attachment: Attachment): ContentBlock {
  if (attachment.kind === 'pdf') return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: attachment.base64 } };
  return { type: 'image', source: { type: 'base64', media_type: attachment.type, data: attachment.base64 } };
}
