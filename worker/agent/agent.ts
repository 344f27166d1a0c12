import type { Person } from '../../shared/store/people.ts';
import type { Effort, PermissionMode } from './settings.ts';
import type { BackgroundControl, BackgroundTask } from './background.ts';
import type { Home } from './homes/home.ts';
import type { AskedMessage, MessageState, SessionPlace } from './message-state.ts';
import type { ModelLookup } from './model/known-model.ts';
import type { WorkspaceGrants } from './workspace/grants.ts';

/** A message for the agent. `id` derives from the person's message: a crash changes nothing. */
export type Prompt = {
  id: string;
  text: string;
  attachments?: Attachment[];
  /** Replaces the text when an interrupted turn has already delivered the prompt. */
  recall?: string | undefined;
  /** It was given up, and the person wants it again: what was said since is no answer to it. */
  isAskedAgain?: true;
  /** The person's own words, without notes for Claude; the text unless given. */
  about?: string;
  /**
   * Not a message of the person: Claude has something to say about its work in the background.
   * `tasks` are those that ran when the worker lost sight of them, `about` the requests of what has
   * ended, `ended` the ids of its tasks.
   */
  background?: {
    tasks: { id: string; description: string; request?: string | undefined }[];
    about: string[];
    ended: string[];
  };
};

/** A picture or PDF that came with a message. */
export type Attachment =
  | {
      kind: 'picture';
      type: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
      base64: string;
    }
  | { kind: 'pdf'; base64: string };

/** A text that Claude has said; `id` is the same after a crash. */
export type Words = { id: string; text: string };

/** Sends things to the person while the agent works. */
export type SendTools = {
  /** `path` is absolute or relative to the workspace. */
  sendFile(input: { path: string; caption?: string | undefined }): Promise<string>;
  /** `callId` is the model's id of the call. */
  sendMessage(input: { text: string; callId: string }): Promise<string>;
};

/** Sends what Claude has said so far, before something that comes after it in the chat. */
export type SayTools = {
  /** Rejects only with FencedError or the signal's reason. */
  say(words: Words): Promise<void>;
};

/** Lets the agent plan turns that start by themselves. */
export type ScheduleTools = {
  /**
   * Takes exactly one of `when` (ISO 8601), `inMinutes` and `cron` (five fields); `timezone` is the
   * person's IANA time zone name.
   */
  scheduleTurn(input: {
    prompt: string;
    when?: string | undefined;
    inMinutes?: number | undefined;
    cron?: string | undefined;
    timezone?: string | undefined;
    /** The call's id, unchanged when the call is repeated. */ callId?: string | undefined;
  }): Promise<string>;
  listSchedules(): Promise<string>;
  /** `id` is the schedule's number. */
  cancelSchedule(input: { id: string }): Promise<string>;
};

/** One question with its options; with `multiple` several may be chosen. */
export type AgentQuestion = {
  question: string;
  options: { label: string; description?: string | undefined }[];
  multiple: boolean;
};

/** The approval that the person is asked for before a tool may run. */
export type ApprovalRequest = {
  tool: string;
  /** The request in plain words. */
  title: string;
  /** What exactly would run, or the first part of it. */
  detail: string;
  /** Further parts of the input, each under its label. */
  more?: { label: string; text: string }[];
  /**
   * Identifies the tool and input that the approval covers. Derived from what is shown unless
   * given.
   */
  digest?: string;
  /**
   * What “always” would allow: `key` identifies it exactly, `words` and `name` describe it. When
   * absent, “always” is not offered.
   */
  always?: { key: string; words: string; name: string };
  /** A person must decide, even where nothing else needs approval. */
  isGrave?: boolean;
  /** A stray tap or number must not approve. */
  defaultToNo?: boolean;
  /** The tool changes a file. */
  changesFile?: boolean;
};

/**
 * The person's decision. `always` covers the same request for the rest of this session;
 * `unanswered` counts as no; a no may carry the person's words. `too-long`: the request cannot be
 * shown in full, so the person was not asked. `planning`: Claude changes no files while it plans.
 */
export type Approval =
  'yes' | 'always' | 'no' | 'unanswered' | 'too-long' | 'planning' | { no: string };

/**
 * The person's decision on a plan: carry it out, with or without approval of each edit, or keep
 * planning, optionally with a comment.
 */
export type PlanDecision = { go: { edits: boolean } } | { keep: string | undefined } | 'unanswered';

/**
 * Asks the person. Each method waits for the answer or for the timeout after which the default
 * applies, and rejects only with the signal's reason.
 */
export type AskTools = {
  /** The answer to each question, in order: labels, or the person's own words. */
  ask(questions: AgentQuestion[], signal: AbortSignal): Promise<string[]>;
  approve(request: ApprovalRequest, signal: AbortSignal): Promise<Approval>;
  /**
   * Shows a plan (Markdown) and asks what to do with it; undefined means that the plan was not
   * written down.
   */
  decidePlan(plan: string | undefined, signal: AbortSignal): Promise<PlanDecision>;
  /**
   * Whether the budgets let the turn continue; asks the person when one is used up. Called before
   * each tool, and when the model proxy has refused a request.
   * `beforeAsking` is called, and waited for,
   * when the person is going to be asked.
   */
  mayGoOn(signal: AbortSignal, beforeAsking?: () => Promise<void>): Promise<boolean>;
};

/**
 * What the agent may do in the chat while it works. SendTools and ScheduleTools return a sentence
 * for the model and never throw.
 */
export type ChatTools = SendTools & SayTools & ScheduleTools & AskTools;

/**
 * Token counts and price of the requests behind an answer. Booked usage is already in the account,
 * request by request.
 */
export type Usage = {
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
  isBooked?: boolean;
};

/** A call of a helper's, or the end of one. */
export type HelperStep =
  | { kind: 'tool'; id: string; name: string; summary: string; description?: string }
  | { kind: 'tool-end'; id: string; failed: boolean; output?: string };

/** What happens while the agent works, in order. */
export type AgentEvent =
  /**
   * The session has started or was resumed; store it before doing anything else. Comes again when
   * the person clears the conversation, which starts a new session.
   */
  | { kind: 'session'; id: string }
  /** `description` is the model's own short description of the call, for tools that ask for one. */
  | {
      kind: 'tool';
      id: string;
      name: string;
      summary: string;
      description?: string;
      timeoutMs: number | undefined;
    }
  /** `output` is the beginning of what the tool has returned, as text; absent for none. */
  | { kind: 'tool-end'; id: string; failed: boolean; output?: string }
  /** A step of a helper that the tool call `of` has started. */
  | { kind: 'helper'; of: string; step: HelperStep }
  /** All that runs in the background now. */
  | { kind: 'tasks'; tasks: Pick<BackgroundTask, 'id' | 'kind' | 'description'>[] }
  /** A screenshot of a page was saved to this file (absolute path). */
  | { kind: 'picture'; path: string }
  /** A sign of life; `writing`: it begins to say something, or to call this tool. */
  | { kind: 'alive' }
  | { kind: 'writing'; tool?: string }
  /**
   * The conversation was replaced by a summary: because it grew too long, or because the person
   * asked for it (`isAsked`).
   */
  | { kind: 'compacted'; isAsked: boolean }
  /** The model's service fails and Claude Code retries. */
  | { kind: 'retrying'; reason: string }
  /** What Claude has said before it failed. */
  | { kind: 'words'; words: Words }
  /**
   * The answer to these prompts. `id` stays the same when the answer is read from the transcript
   * after a crash, which `remembered` indicates. `earlier` is what Claude said before or beside its
   * tool calls, without filler; some of it may have been sent before a crash. Without prompts it is
   * about work in the background that ended meanwhile. `about` is the beginning of the requests
   * that such work belongs to. `covers` are further messages with this answer, which come once
   * more.
   */
  | {
      kind: 'answer';
      id: string;
      text: string;
      earlier?: Words[];
      about?: string[];
      prompts: string[];
      covers?: string[];
      usage: Usage;
      remembered?: true;
    };

export type AgentTurn = {
  /** Identifies the turn everywhere; its model requests are counted under it. */
  id: string;
  conversation: string;
  /** The conversation's person, if the turn has just read who that is. */
  person?: Person | undefined;
  /** The person's time zone (IANA name), if known; it defines the day for the daily budget. */
  timezone?: string | undefined;
  /** Everything of the turn runs as its user, in its directories. */
  home: Home;
  /** The directory in the home that Claude works in (absolute, exists). */
  workspace: string;
  /** The session to resume; undefined starts a new one. */
  session: string | undefined;
  /**
   * The session that a new one follows, because the API refuses its history: the agent passes on
   * what was said last there.
   */
  follows?: string | undefined;
  /**
   * The message from which on the session is forgotten; the turn begins a session with the rest.
   */
  rewind?: string | undefined;
  /**
   * What to answer. It stays open while more may come; the turn ends when it is closed and
   * everything is answered.
   */
  prompts: AsyncIterable<Prompt>;
  /**
   * The messages taken up so far: an answer of an earlier run settles all that it answers at once.
   */
  taken?: () => Iterable<string>;
  tools: ChatTools;
  permissions: PermissionMode;
  /** The model's id or an alias such as `opus`; undefined leaves the choice to Claude Code. */
  model: string | undefined;
  /** How much it thinks; undefined leaves that to the model. */
  effort?: Effort | undefined;
  /**
   * Receives what the person may want next, in words of theirs, if the agent suggests something
   * after an answer; usually called when `work` has ended.
   */
  onSuggestion?: ((suggestion: string) => void) | undefined;
  /** The tool of this name begins when this settles; it never rejects. */
  beforeTool?: ((name: string) => Promise<void>) | undefined;
  /** Which of the workspace's own hooks and programs may run; nothing when absent. */
  grants?: WorkspaceGrants;
  /**
   * Ends the turn at once: interrupts whatever runs and ends its processes. If its reason is
   * FencedError, another worker has the turn, so the processes are killed without further
   * communication.
   */
  signal: AbortSignal;
};

/** What is known of a turn before it starts. */
export type ComingTurn = Pick<
  AgentTurn,
  'conversation' | 'home' | 'workspace' | 'session' | 'model' | 'effort' | 'permissions' | 'grants'
>;

/**
 * Answers prompts. Contract of `work`: events come in order; each prompt is in exactly one
 * `answer`; it ends after the last one. A prompt that an earlier, interrupted turn already
 * delivered is not sent again: its answer is looked up, or the work continues. Throws AgentFailure,
 * or the signal's reason when aborted; after that nothing of the turn runs any more and the
 * conversation can be worked again, except for work in the background, which continues, and for the
 * agent itself, which may still write down how the turn ended.
 */
export interface Agent {
  work(turn: AgentTurn): AsyncIterable<AgentEvent>;
  /**
   * Prepares what an expected turn needs, to save it the wait; settles when all of it is under way,
   * and never rejects. The actual turn may differ or never come.
   */
  prepare?(turn: ComingTurn): Promise<void>;
  /**
   * Looks up a model's name, within a few seconds. Undefined or absent when the agent cannot say
   * which models there are.
   */
  lookUpModel?(name: string): Promise<ModelLookup | undefined>;
  /**
   * What a session's transcript says of messages, by their ids. Undefined or absent when the agent
   * keeps none. Throws when it cannot be read.
   */
  lookUpMessages?(
    place: SessionPlace,
    messages: AskedMessage[],
  ): Promise<ReadonlyMap<string, MessageState> | undefined>;
  /** Pauses every process of the agent, if possible, until the returned function is called. */
  pause?(): Promise<() => void>;
  /** Work that outlives its turn; absent when the agent has none. */
  background?: BackgroundControl;
  /** Ends whatever is kept open for a conversation, so that another worker can continue it. */
  release(conversation: string): Promise<void>;
  stop(): Promise<void>;
}
