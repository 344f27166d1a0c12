import type {
  EffortLevel,
  PermissionMode,
  Query,
  SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk';
import type { UUID } from 'node:crypto';
import type { BrowserProcess } from '../mcp/browser-process.ts';
import { createAsyncQueue } from '../async-queue.ts';
import type { ModelSession } from '../model/sessions.ts';
import type { Attachment, ChatTools, Words } from '../agent.ts';
import type { BackgroundTask, UnsavedReason } from '../background.ts';
import { createSessionBackground } from './session-background.ts';
import { createSessionChat } from './session-chat.ts';
import { applyEffort } from './effort.ts';
import { keepSentences } from './local-command.ts';
import { createOpenPrompts } from './open-prompts.ts';
import type { OpenPrompts } from './open-prompts.ts';
import type { TranscriptEntry } from './transcript/transcript.ts';
import { createTranslator } from './translate.ts';
import type { Translation } from './translate.ts';
import type { SessionProcesses } from '../sandbox/work-processes.ts';
import { within } from '../../../shared/runtime/timeout.ts';

type ContentBlock = Exclude<SDKUserMessage['message']['content'], string>[number];

/** Receives a live session's messages during a turn. */
export type Listener = {
  /** `isFromModel` is true when the message comes from the model itself. */
  onMessage(translations: Translation[], isFromModel: boolean): void;
  /** The process has ended; nothing more comes. */
  onEnd(error: unknown): void;
  /** A call of one of the chat's tools has ended. */
  onCallEnd?(): void;
};

/** Watches a session as long as it lives, with a turn and without. */
export type SessionWatcher = {
  /** Its work in the background has changed, or it has begun or ended to speak. */
  onChange(): void;
  /** It has something to say, or calls one of the chat's tools, and no turn listens. */
  onWanted(): void;
  /** Part of the transcript could not be written; Claude Code says so when it ends. */
  onUnsaved(why: UnsavedReason): void;
  onEnd(): void;
};

/** `model` undefined leaves the choice to Claude Code, `effort` undefined to the model. */
export type Settings = {
  model: string | undefined;
  effort: EffortLevel | undefined;
  permissions: PermissionMode;
};

/**
 * One running Claude Code process with its session, open for many turns. It belongs to one
 * conversation and has at most one listener, the current turn.
 */
export type LiveSession = {
  /** Changes when the person clears the conversation. */
  readonly id: string;
  /** Its working directory. */
  readonly workspace: string;
  /** The process resumed an existing session: its history is in the transcript. */
  readonly resumed: boolean;
  /** The workspace's own hooks and programs that it runs with, in the form of grantsKey. */
  readonly grants: string;
  /** The prompts sent to this process. */
  readonly sent: ReadonlySet<string>;
  /** The prompts that it goes on with, also when their turn has ended. */
  readonly open: Pick<OpenPrompts, 'all' | 'queued'>;
  readonly ended: boolean;
  /** Its browser, once one was needed. */
  browser: BrowserProcess | undefined;
  /** The tools of the current turn. */
  tools: ChatTools | undefined;
  /** The chat's tools for Claude: a call between two turns waits for the next. */
  readonly chat: ChatTools;
  /** The work that Claude has left running. */
  readonly background: BackgroundTask[];
  /** The same, and what has ended without a report to the person. */
  readonly openTasks: BackgroundTask[];
  /** Everything that Claude has said in this turn is on its way to the person. */
  markTasksTold(): void;
  /** Whether it works, speaks, or has something to say without a turn. */
  readonly isBusy: boolean;
  /** Whether work in the background runs, or has ended and Claude will begin to speak of it. */
  readonly goesOn: boolean;
  /** Whether Claude speaks, or one of the chat's tools is called, at the moment. */
  readonly isSpeaking: boolean;
  /** Whether this process has ever had one of these tasks, or any task if none is named. */
  hasHad(ids: readonly string[]): boolean;
  /** The requests of the tasks whose end this result tells of. */
  takeEnded(result: string): string[];
  /** Ends a task in the background. */
  endTask(id: string): Promise<void>;
  watch(watcher: SessionWatcher): void;
  /** Returns once Claude has stopped what was interrupted, or false after `ms`. */
  quiet(ms: number): Promise<boolean>;
  /**
   * Receives the prompt that Claude Code suggests after an answer, also between turns; it belongs
   * to the latest turn.
   */
  onSuggestion?: ((suggestion: string) => void) | undefined;
  /** A tool of the current turn begins when this settles. */
  beforeTool?: ((name: string) => Promise<void>) | undefined;
  /** Sends a message to the chat: at once during a turn, else with the next one. */
  tell(text: string): void;
  /**
   * Applies the settings for the next prompt; unchanged ones cost nothing. Rejects when Claude Code
   * refuses it.
   */
  configure(settings: Settings): Promise<void>;
  /** Its access to the model, which counts every request of its processes. */
  readonly model: ModelSession;
  /** Takes out what Claude has said since the last result, without filler. */
  takeWords(): Words[];
  /** The session as Claude Code has written it down. */
  transcript(): Promise<TranscriptEntry[]>;
  listen(listener: Listener | undefined): void;
  /** Marks the start of a piece of work: processes started from now on end if it is aborted. */
  begin(): void;
  /** Ends what the unfinished work has detached from the process, which lives on. */
  endDetached(): Promise<void>;
  /** Marks the work as done; processes that it left running survive the end of Claude Code. */
  done(): void;
  /** `request` names what the text asks for, in the person's words. */
  send(uuid: UUID, text: string, request: string, attachments?: Attachment[]): void;
  /**
   * Asks Claude Code to stop the piece of work, once, so that the transcript records it. Returns
   * within a second even if that fails.
   */
  interrupt(): Promise<void>;
  /**
   * Ends the process with its descendants, and everything that unfinished work has started. It may
   * end by itself within `graceMs`, which lets it say what it could not write.
   */
  close(graceMs?: number): Promise<void>;
};

/** How long an interrupt may take before the processes are ended anyway (ms). */
const interruptPatience = 1000;

/**
 * The parts of a session: `id` is the session's, new or resumed, `processes` are those around it,
 * `model` is its access to the model, `transcript` reads the transcript of an id.
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
 * The session of a Claude Code process, which `open` starts or claims, passing it the stream of
 * prompts. Throws what `open` throws.
 */
export function createLiveSession(
  start: SessionStart,
  open: (prompts: AsyncIterable<SDKUserMessage>) => Query,
): LiveSession {
  const { id, workspace, processes, resumed, settings, grants, model, transcript } = start;
  const input = createAsyncQueue<SDKUserMessage>();
  const sent = new Set<string>();
  const goingOn = createOpenPrompts();
  const { translate, takeWords } = createTranslator();
  let current = id;
  let configured = settings;
  /** The mode that Claude Code reports; a plan changes it. */
  let mode = settings.permissions;
  let listener: Listener | undefined;
  let end: { error: unknown } | undefined;
  let closing: Promise<void> | undefined;
  let interrupted: Promise<void> | undefined;
  let watcher: SessionWatcher | undefined;
  const background = createSessionBackground();
  /** A turn has been asked for and does not listen yet. */
  let isTurnWanted = false;
  const wantTurn = (): void => {
    if (isTurnWanted) return;
    isTurnWanted = true;
    watcher?.onWanted();
  };
  const chat = createSessionChat(wantTurn, () => listener?.onCallEnd?.());

  const claude = open(keepSentences(input, () => claude.supportedCommands()));

  const session: LiveSession = {
    get id() {
      return current;
    },
    workspace,
    resumed,
    grants,
    sent,
    open: goingOn,
    browser: undefined,
    get tools() {
      return chat.present();
    },
    set tools(tools) {
      chat.use(tools);
    },
    chat: chat.tools,
    get background() {
      return background.tasks();
    },
    get isBusy() {
      return background.isBusy();
    },
    get goesOn() {
      return background.goesOn();
    },
    get isSpeaking() {
      return background.isSpeaking() || chat.calls() > 0;
    },
    hasHad: background.hasHad,
    takeEnded: background.takeEnded,
    endTask(task) {
      background.dismiss(task);
      return claude.stopTask(task);
    },
    get openTasks() {
      return background.open();
    },
    markTasksTold() {
      background.markTold();
      watcher?.onChange();
    },
    watch(next) {
      watcher = next;
    },
    async quiet(ms) {
      for (const deadline = Date.now() + ms; background.isMuted();) {
        if (end || Date.now() > deadline) return false;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return true;
    },
    tell: chat.tell,
    model,
    get ended() {
      return end !== undefined;
    },
    async configure(next) {
      if (next.model !== configured.model) await claude.setModel(next.model);
      await applyEffort(claude, next.effort, configured.effort);
      // Unapproved edits were allowed only for the plan that was carried out. Planning itself
      // continues in the next turn.
      const isLeftOver = mode === 'acceptEdits' && next.permissions === 'default';
      if (next.permissions !== configured.permissions || isLeftOver)
        await claude.setPermissionMode(next.permissions);
      configured = next;
    },
    takeWords,
    transcript: () => transcript(current),
    listen(next) {
      listener = next;
      if (!next) return;
      isTurnWanted = false;
      const unheard = background.takeUnheard();
      if (unheard.length > 0) next.onMessage(unheard, false);
      if (end) next.onEnd(end.error);
    },
    begin() {
      interrupted = undefined;
      processes.begin();
    },
    endDetached: () => processes.endDetached(),
    done: () => processes.done(),
    send(uuid, text, request, attachments = []) {
      sent.add(uuid);
      goingOn.send(uuid);
      background.ask(uuid, request);
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
    interrupt() {
      if (!interrupted) background.mute();
      // A second one would end what Claude has begun since about work in the background.
      return (interrupted ??= interruptSoon(claude));
    },
    close: (graceMs = 0) => (closing ??= close(graceMs)),
  };

  const close = async (graceMs: number): Promise<void> => {
    input.close();
    if (graceMs > 0) await within(graceMs, pumping, () => undefined);
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
        if (message.type === 'prompt_suggestion') session.onSuggestion?.(message.suggestion);
        if (message.type === 'system' && message.subtype === 'session_writes_lost') {
          if (message.lost.includes('transcript'))
            watcher?.onUnsaved(message.error_code === 'EDQUOT' ? 'quota' : 'disk');
        }
        const translations = translate(message);
        for (const translation of translations) {
          if (translation.kind === 'session') current = translation.id;
          goingOn.note(translation);
          const wasMuted = background.isMuted();
          if (background.note(translation, listener !== undefined)) watcher?.onChange();
          // What was said before a stop is withdrawn: the next answer must not begin with it.
          if (wasMuted && !background.isMuted()) takeWords();
          if (translation.kind === 'result' && translation.toldUsd !== undefined)
            model.compare(translation.toldUsd);
        }
        const isOfModel = message.type === 'stream_event' || message.type === 'assistant';
        if (listener) listener.onMessage(translations, isOfModel);
        else if (background.hasUnheard()) wantTurn();
        if (message.type === 'result') watcher?.onChange();
      }
      end = { error: new Error('Claude Code ended') };
    } catch (error) {
      end = { error };
    }
    listener?.onEnd(end.error);
    watcher?.onEnd();
  };
  const pumping = pump();
  return session;
}

/** Interrupts the current work without waiting long for Claude Code to confirm it. */
async function interruptSoon(claude: Query): Promise<void> {
  const interrupted = claude.interrupt().then(
    () => undefined,
    () => undefined,
  );
  await within(interruptPatience, interrupted, () => undefined);
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
