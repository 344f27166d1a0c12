import type { PermissionMode, Query, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import type { UUID } from 'node:crypto';
import type { BrowserProcess } from '../mcp/browser-process.ts';
import { createAsyncQueue } from '../async-queue.ts';
import type { ModelSession } from '../model/sessions.ts';
import type { Attachment, ChatTools } from '../agent.ts';
import type { TranscriptEntry } from './transcript.ts';
import { createTranslator } from './translate.ts';
import type { Translation } from './translate.ts';
import type { SessionProcesses } from '../sandbox/work-processes.ts';

type ContentBlock = Exclude<SDKUserMessage['message']['content'], string>[number];

/** Who listens to a live session during a turn. */
export type Listener = {
  /** `heard` when the model itself has spoken. */
  onMessage(translations: Translation[], heard: boolean): void;
  /** The process has ended; nothing more comes. */
  onEnd(error: unknown): void;
};

/** `model` undefined is Claude Code's own choice. */
export type Settings = { model: string | undefined; permissions: PermissionMode };

/**
 * One running Claude Code process with its session, open for many turns. It belongs to one
 * conversation and has at most one listener, the turn at work.
 */
export type LiveSession = {
  /** It becomes another when the person clears the conversation. */
  readonly id: string;
  /** The directory that it works in. */
  readonly workspace: string;
  /** The process was started on an existing session: what it knows is in the transcript. */
  readonly resumed: boolean;
  /** What of the workspace's own it runs with, as grantsKey names it. */
  readonly grants: string;
  /** The prompts that were given to this process. */
  readonly sent: ReadonlySet<string>;
  readonly ended: boolean;
  /** Its browser, once there was need of one. */
  browser: BrowserProcess | undefined;
  /** The tools of the turn at work; the process's `whatsapp` server asks for them. */
  tools: ChatTools | undefined;
  /** Says something in the chat: at once while a turn is at work, else with the next one. */
  tell(text: string): void;
  /**
   * Sets what the next prompt is worked with; what is so already costs nothing. Rejects when Claude
   * Code refuses it.
   */
  configure(settings: Settings): Promise<void>;
  /** Its access to the model, where all that its processes ask is counted. */
  readonly model: ModelSession;
  /** What Claude Code has written down of the session. */
  transcript(): Promise<TranscriptEntry[]>;
  listen(listener: Listener | undefined): void;
  /**
   * A piece of work begins in it: what it starts from now on ends with it when it is broken off.
   */
  begin(): void;
  /** The work was done; what it has left running stays when the process ends. */
  done(): void;
  send(uuid: UUID, text: string, attachments?: Attachment[]): void;
  /**
   * Asks Claude Code to stop what it does, so that the transcript says so. Ends within a second
   * whether it could or not.
   */
  interrupt(): Promise<void>;
  /**
   * Ends the process with what it has under it, and with all that the work has started which was
   * begun and not done.
   */
  close(): Promise<void>;
};

/** How long an interruption may take before the processes are simply ended (ms). */
const interruptPatience = 1000;

/**
/**
 * What a session is made of: `id` is the session's, new or resumed, `processes` are those around it, `model` is its access to the model, `transcript`
 * reads what is written down under an id.
 */
export type SessionStart = {
  id: string;
  workspace: string;
  processes: SessionProcesses;
  resumed: boolean;
  settings: Settings;
  grants: string;
  model: ModelSession;
  transcript: (id: string) => Promise<TranscriptEntry[]>;
};

/**
 * The session of a Claude Code process, which `open` starts, or takes, with what it is to read its
 * prompts from. Throws what `open` throws.
 */
export function createLiveSession(
  start: SessionStart,
  open: (prompts: AsyncIterable<SDKUserMessage>) => Query,
): LiveSession {
  const { id, workspace, processes, resumed, settings, grants, model, transcript } = start;
  const input = createAsyncQueue<SDKUserMessage>();
  const sent = new Set<string>();
  const translate = createTranslator();
  let current = id;
  let configured = settings;
  /** The mode that Claude Code says it is in; a plan changes it. */
  let mode = settings.permissions;
  let listener: Listener | undefined;
  let end: { error: unknown } | undefined;
  let closing: Promise<void> | undefined;
  const chat = createChat();

  const claude = open(input);

  const session: LiveSession = {
    get id() {
      return current;
    },
    workspace,
    resumed,
    grants,
    sent,
    browser: undefined,
    get tools() {
      return chat.tools();
    },
    set tools(tools) {
      chat.use(tools);
    },
    tell: chat.tell,
    model,
    get ended() {
      return end !== undefined;
    },
    async configure(next) {
      if (next.model !== configured.model) await claude.setModel(next.model);
      // Unasked edits were allowed for the plan that was carried out. Planning itself goes on in
      // the next turn.
      const isLeftOver = mode === 'acceptEdits' && next.permissions === 'default';
      if (next.permissions !== configured.permissions || isLeftOver)
        await claude.setPermissionMode(next.permissions);
      configured = next;
    },
    transcript: () => transcript(current),
    listen(next) {
      listener = next;
      if (next && end) next.onEnd(end.error);
    },
    begin: () => processes.begin(),
    done: () => processes.done(),
    send(uuid, text, attachments = []) {
      sent.add(uuid);
      input.push({
        type: 'user',
        uuid,
        parent_tool_use_id: null,
        message: {
          role: 'user',
          content:
            attachments.length === 0 ? text : [...attachments.map(toBlock), { type: 'text', text }],
        },
      });
    },
    interrupt: () => interruptSoon(claude),
    close: () => (closing ??= close()),
  };

  const close = async (): Promise<void> => {
    input.close();
    claude.close();
    await processes.end();
    model.close();
    await pumping;
  };

  const pump = async (): Promise<void> => {
    try {
      for await (const message of claude) {
        if (message.type === 'system' && 'permissionMode' in message)
          mode = message.permissionMode ?? mode;
        const translations = translate(message);
        for (const translation of translations) {
          if (translation.kind === 'session') current = translation.id;
          if (translation.kind === 'result' && translation.toldUsd !== undefined)
            model.compare(translation.toldUsd);
        }
        listener?.onMessage(
          translations,
          message.type === 'stream_event' || message.type === 'assistant',
        );
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

/**
 * Interrupts what is under way; Claude Code may take a while to say so, and is not waited for that
 * long.
 */
async function interruptSoon(claude: Query): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, interruptPatience);
  await Promise.race([claude.interrupt().catch(() => undefined), timer.promise]);
  clearTimeout(timeout);
}

/**
 * The chat as a process reaches it, which outlasts the turns: what is told between two of them
 * waits for the next.
 */
function createChat(): Pick<LiveSession, 'tell'> & {
  tools(): ChatTools | undefined;
  use(tools: ChatTools | undefined): void;
} {
  const untold: string[] = [];
  let present: ChatTools | undefined;
  const tell = (text: string): void => {
    if (present) void present.sendMessage({ text, callId: `notice.${randomUUID()}` });
    else untold.push(text);
  };
  return {
    tell,
    tools: () => present,
    use(tools) {
      present = tools;
      if (tools) for (const text of untold.splice(0)) tell(text);
    },
  };
}

/** The content block of the Messages API for an attachment. */
function toBlock(attachment: Attachment): ContentBlock {
  if (attachment.kind === 'pdf')
    return {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: attachment.base64 },
    };
  return {
    type: 'image',
    source: { type: 'base64', media_type: attachment.type, data: attachment.base64 },
  };
}
